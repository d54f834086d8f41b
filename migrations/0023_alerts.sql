CREATE TABLE "alert_reads" (
	"alert_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"read_at" timestamp with time zone NOT NULL,
	CONSTRAINT "alert_reads_user_id_alert_id_pk" PRIMARY KEY("user_id","alert_id")
);
--> statement-breakpoint
CREATE TABLE "alert_settings" (
	"account_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"channels" jsonb NOT NULL,
	"quiet_hours" jsonb,
	"slack_url" text,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "alert_settings_account_id_user_id_pk" PRIMARY KEY("account_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "hourly_costs" (
	"account_id" uuid NOT NULL,
	"hour" timestamp with time zone NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"calls" bigint NOT NULL,
	"flagged_at" timestamp with time zone,
	CONSTRAINT "hourly_costs_account_id_hour_pk" PRIMARY KEY("account_id","hour")
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid,
	"user_id" uuid,
	"kind" text NOT NULL,
	"type" text NOT NULL,
	"severity" text NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "usage_daily_totals" DROP CONSTRAINT "usage_daily_totals_shard_account_id_day_user_id_provider_model_pk";--> statement-breakpoint
ALTER TABLE "usage_daily_changes" ADD COLUMN "key_id" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_changes" ADD COLUMN "workspace_id" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_changes" ADD COLUMN "step" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_totals" ADD COLUMN "key_id" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_totals" ADD COLUMN "workspace_id" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_totals" ADD COLUMN "step" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_daily_totals" ADD CONSTRAINT "usage_daily_totals_key" PRIMARY KEY("shard","account_id","day","user_id","key_id","workspace_id","step","provider","model");--> statement-breakpoint
CREATE INDEX "alerts_account" ON "alerts" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "usage_events_time" ON "usage_events" USING brin ("admitted_at");