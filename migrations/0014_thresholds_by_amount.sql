DROP INDEX "threshold_events_once";--> statement-breakpoint
ALTER TABLE "threshold_events" ALTER COLUMN "hold_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "usage_events" ALTER COLUMN "input_tokens" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "usage_events" ALTER COLUMN "cache_read_tokens" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "usage_events" ALTER COLUMN "cache_write_tokens" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "usage_events" ALTER COLUMN "output_tokens" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "usage_events" ALTER COLUMN "reasoning_tokens" SET DATA TYPE bigint;--> statement-breakpoint
CREATE UNIQUE INDEX "threshold_events_once" ON "threshold_events" USING btree ("shard","counter_id","threshold_bps","amount");