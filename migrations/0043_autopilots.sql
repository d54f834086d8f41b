CREATE TABLE "autopilot_runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"autopilot_id" uuid NOT NULL,
	"account_id" uuid NOT NULL,
	"status" text NOT NULL,
	"scheduled_for" timestamp with time zone NOT NULL,
	"topic" text NOT NULL,
	"entry" integer,
	"choice" jsonb NOT NULL,
	"request" jsonb NOT NULL,
	"inputs" jsonb NOT NULL,
	"problem" jsonb,
	"posts" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "autopilots" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"name" text NOT NULL,
	"topics" text[],
	"content_plan_id" uuid,
	"networks" text[] NOT NULL,
	"connection_ids" uuid[] NOT NULL,
	"language" text,
	"tone" text,
	"brand_voice" text,
	"cron" text NOT NULL,
	"time_zone" text NOT NULL,
	"research" boolean NOT NULL,
	"ads" boolean NOT NULL,
	"learn" boolean NOT NULL,
	"auto_post" boolean NOT NULL,
	"status" text NOT NULL,
	"pause_reason" text,
	"next_run_at" timestamp with time zone,
	"failures" smallint NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "inbox_messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"network" text NOT NULL,
	"external_id" text NOT NULL,
	"author_name" text NOT NULL,
	"author_handle" text,
	"author_email" text,
	"text" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"status" text NOT NULL,
	"draft_id" uuid,
	"reply" text,
	"answered_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "social_posts" ADD COLUMN "autopilot_run_id" uuid;--> statement-breakpoint
ALTER TABLE "social_posts" ADD COLUMN "results" jsonb;--> statement-breakpoint
ALTER TABLE "social_posts" ADD COLUMN "results_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "autopilot_runs" ADD CONSTRAINT "autopilot_runs_autopilot_id_autopilots_id_fk" FOREIGN KEY ("autopilot_id") REFERENCES "public"."autopilots"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "autopilot_runs_autopilot" ON "autopilot_runs" USING btree ("autopilot_id","id");--> statement-breakpoint
CREATE INDEX "autopilot_runs_open" ON "autopilot_runs" USING btree ("created_at") WHERE finished_at IS NULL;--> statement-breakpoint
CREATE INDEX "autopilots_account" ON "autopilots" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "autopilots_due" ON "autopilots" USING btree ("next_run_at") WHERE status = 'active';--> statement-breakpoint
CREATE UNIQUE INDEX "inbox_messages_external" ON "inbox_messages" USING btree ("account_id","network","external_id");--> statement-breakpoint
CREATE INDEX "inbox_messages_account" ON "inbox_messages" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "inbox_messages_draft" ON "inbox_messages" USING btree ("draft_id") WHERE draft_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "social_posts_run" ON "social_posts" USING btree ("autopilot_run_id") WHERE autopilot_run_id IS NOT NULL;