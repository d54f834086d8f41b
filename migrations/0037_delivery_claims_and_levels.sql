CREATE TABLE "reported_levels" (
	"account_id" uuid NOT NULL,
	"meter" text NOT NULL,
	"level" bigint NOT NULL,
	CONSTRAINT "reported_levels_account_id_meter_pk" PRIMARY KEY("account_id","meter")
);
--> statement-breakpoint
CREATE TABLE "outbox_claims" (
	"channel" text NOT NULL,
	"target" text NOT NULL,
	"claimed_until" timestamp with time zone NOT NULL,
	CONSTRAINT "outbox_claims_channel_target_pk" PRIMARY KEY("channel","target")
);
--> statement-breakpoint
CREATE INDEX "outbox_deliveries_pending" ON "outbox_deliveries" USING btree ("channel","target","next_attempt_at" NULLS FIRST,"id") WHERE status = 'pending';