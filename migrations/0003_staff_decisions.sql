CREATE TABLE "account_overrides" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"terms" jsonb NOT NULL,
	"reason" text NOT NULL,
	"author" text NOT NULL,
	"valid_from" timestamp with time zone NOT NULL,
	"valid_until" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"ended_by" text
);
--> statement-breakpoint
CREATE TABLE "account_segments" (
	"account_id" uuid NOT NULL,
	"segment" text NOT NULL,
	CONSTRAINT "account_segments_account_id_segment_pk" PRIMARY KEY("account_id","segment")
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"account_id" uuid,
	"before" jsonb,
	"after" jsonb,
	"reason" text,
	"request_id" text
);
--> statement-breakpoint
CREATE TABLE "feature_flags" (
	"key" text PRIMARY KEY NOT NULL,
	"description" text NOT NULL,
	"feature" text,
	"enabled" boolean NOT NULL,
	"rules" jsonb NOT NULL,
	"author" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "guard_rail_settings" (
	"target_kind" text NOT NULL,
	"target" text NOT NULL,
	"enabled" boolean NOT NULL,
	"figures" jsonb NOT NULL,
	"reason" text NOT NULL,
	"author" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "guard_rail_settings_target_kind_target_pk" PRIMARY KEY("target_kind","target")
);
--> statement-breakpoint
CREATE TABLE "rollouts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"migration" text,
	"state" text NOT NULL,
	"accounts_total" integer NOT NULL,
	"accounts_done" integer NOT NULL,
	"accounts_failed" integer NOT NULL,
	"last_account_id" uuid,
	"author" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"lease_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "seats" integer;--> statement-breakpoint
CREATE INDEX "account_overrides_account" ON "account_overrides" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_account" ON "audit_log" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_actor" ON "audit_log" USING btree ("actor","id");--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "audit_log" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "rollouts_running" ON "rollouts" USING btree ("created_at") WHERE state = 'running';--> statement-breakpoint

-- What staff did stays on record: rows are added and nothing else.
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'restrict_violation';
END $$;--> statement-breakpoint

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
