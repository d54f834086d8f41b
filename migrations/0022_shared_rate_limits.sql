CREATE TABLE "rate_limit_counters" (
	"key" text PRIMARY KEY NOT NULL,
	"max" integer NOT NULL,
	"used" integer NOT NULL,
	"ends_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "previous_secret_hash" text;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "previous_secret_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "invitations" ADD COLUMN "mail_token_hash" text;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "invitations_mail_token" ON "invitations" USING btree ("mail_token_hash");--> statement-breakpoint
-- The counts of a minute need not survive a crash, and without them in the log a statement waits for no disk.
ALTER TABLE "rate_limit_counters" SET UNLOGGED;--> statement-breakpoint
UPDATE "api_keys" SET "updated_at" = coalesce("revoked_at", "created_at");--> statement-breakpoint
UPDATE "memberships" SET "updated_at" = "created_at";--> statement-breakpoint
UPDATE "users" SET "updated_at" = "created_at";
