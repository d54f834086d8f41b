DROP INDEX "stripe_inbox_object";--> statement-breakpoint
DROP INDEX "stripe_inbox_received";--> statement-breakpoint
ALTER TABLE "stripe_inbox" ADD COLUMN "subscription_id" text;--> statement-breakpoint
CREATE INDEX "stripe_inbox_waiting" ON "stripe_inbox" USING btree (coalesce(customer_id, object_id, event_id)) WHERE processed_at IS NULL;