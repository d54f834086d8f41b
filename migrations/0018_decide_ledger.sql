-- Holds become decisions that never change, and a small table of what is open. Balances lose their definitions, which
-- ledger_windows has. Daily sums become totals and the changes that wait to be added. No amount changes.
DROP VIEW IF EXISTS ledger_counters;--> statement-breakpoint
DROP FUNCTION IF EXISTS ledger_hold, ledger_settle, ledger_expire, ledger_record, ledger_lock;--> statement-breakpoint

CREATE TABLE "ledger_open_holds" (
	"shard" smallint NOT NULL,
	"id" uuid NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"meters" text[] NOT NULL,
	"remaining" bigint[] NOT NULL,
	"settled_calls" integer[] NOT NULL,
	CONSTRAINT "ledger_open_holds_shard_id_pk" PRIMARY KEY("shard","id")
);--> statement-breakpoint
INSERT INTO ledger_open_holds (shard, id, account_id, user_id, key_id, workspace_id, created_at, expires_at, meters, remaining,
                               settled_calls)
SELECT shard, id, account_id, user_id, key_id, workspace_id, created_at, expires_at, meters, remaining, settled_calls
  FROM ledger_holds WHERE state = 'open';--> statement-breakpoint

CREATE TABLE "ledger_ended_holds" (
	"shard" smallint NOT NULL,
	"id" uuid NOT NULL,
	"state" text NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	CONSTRAINT "ledger_ended_holds_shard_id_pk" PRIMARY KEY("shard","id")
);--> statement-breakpoint
INSERT INTO ledger_ended_holds (shard, id, state, ended_at)
SELECT h.shard, h.id, h.state, h.closed_at
  FROM ledger_holds h
  LEFT JOIN LATERAL (
    SELECT max(u.occurred_at) AS last_at FROM usage_events u
     WHERE u.account_id = h.account_id AND u.admitted_at = h.created_at AND u.hold_id = h.id AND NOT u.late) c ON true
 WHERE h.state = 'expired' OR h.state = 'closed' AND c.last_at IS DISTINCT FROM h.closed_at;--> statement-breakpoint

DROP INDEX "ledger_holds_open";--> statement-breakpoint
ALTER TABLE ledger_holds RENAME TO ledger_decisions;--> statement-breakpoint
ALTER TABLE ledger_decisions RENAME CONSTRAINT ledger_holds_shard_id_pk TO ledger_decisions_shard_id_pk;--> statement-breakpoint
ALTER TABLE ledger_decisions DROP COLUMN state, DROP COLUMN closed_at, DROP COLUMN remaining, DROP COLUMN settled_calls;--> statement-breakpoint

ALTER TABLE ledger_balances DROP COLUMN counter_ids, DROP COLUMN meters, DROP COLUMN amounts, DROP COLUMN block_at,
                            DROP COLUMN next_thresholds, ADD COLUMN version uuid DEFAULT gen_random_uuid() NOT NULL;--> statement-breakpoint

ALTER TABLE usage_daily RENAME TO usage_daily_totals;--> statement-breakpoint
ALTER TABLE usage_daily_totals RENAME CONSTRAINT usage_daily_shard_account_id_day_user_id_provider_model_pk
  TO usage_daily_totals_shard_account_id_day_user_id_provider_model_pk;--> statement-breakpoint
CREATE TABLE "usage_daily_changes" (
	"shard" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"day" date NOT NULL,
	"user_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"calls" bigint NOT NULL,
	"errors" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"cache_read_tokens" bigint NOT NULL,
	"cache_write_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"reasoning_tokens" bigint NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"latency_ms" bigint NOT NULL
);
