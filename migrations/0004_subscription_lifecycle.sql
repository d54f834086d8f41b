CREATE TABLE "billing_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"data" jsonb NOT NULL,
	"occurred_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "payment_requests" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"catalogue_version_id" uuid NOT NULL,
	"plan_key" text NOT NULL,
	"cycle" text NOT NULL,
	"amount_minor" integer NOT NULL,
	"currency" text NOT NULL,
	"status" text NOT NULL,
	"driver" text NOT NULL,
	"driver_reference" text,
	"instructions" text,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"settled_at" timestamp with time zone,
	"settled_by" text,
	"note" text
);
--> statement-breakpoint
CREATE TABLE "trial_identities" (
	"email_hash" text PRIMARY KEY NOT NULL,
	"trial_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "trials" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"catalogue_version_id" uuid NOT NULL,
	"plan_key" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"converted_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "access_ends_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "complimentary" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD COLUMN "due_at" timestamp with time zone GENERATED ALWAYS AS (least(current_period_end, trial_ends_at, access_ends_at)) STORED;--> statement-breakpoint
CREATE UNIQUE INDEX "billing_events_once" ON "billing_events" USING btree ("account_id","kind","subject");--> statement-breakpoint
CREATE INDEX "billing_events_account" ON "billing_events" USING btree ("account_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "payment_requests_open" ON "payment_requests" USING btree ("account_id") WHERE status = 'open';--> statement-breakpoint
CREATE INDEX "payment_requests_expiry" ON "payment_requests" USING btree ("expires_at") WHERE status = 'open';--> statement-breakpoint
CREATE INDEX "payment_requests_account" ON "payment_requests" USING btree ("account_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "trials_account" ON "trials" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "trials_running" ON "trials" USING btree ("ends_at") WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX "subscriptions_due" ON "subscriptions" USING btree ("due_at","account_id");