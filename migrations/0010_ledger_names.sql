-- Renames in place: no table is rewritten. SQL functions are files of migrations/functions from here on. Those whose name
-- changed are dropped here; the others are replaced after the migrations.
DROP VIEW ledger_counters;--> statement-breakpoint
DROP FUNCTION ledger_cross, ledger_line, ledger_write_books, ledger_open_members, ledger_load_members,
              ledger_create_partitions, ledger_sample_little;--> statement-breakpoint

ALTER TABLE ledger_books RENAME TO ledger_balances;--> statement-breakpoint
ALTER TABLE ledger_balances RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE ledger_balances RENAME COLUMN barred_at TO block_at;--> statement-breakpoint
ALTER TABLE ledger_balances RENAME COLUMN next_lines TO next_thresholds;--> statement-breakpoint
ALTER TABLE ledger_balances
  RENAME CONSTRAINT ledger_books_lane_account_id_scope_scope_id_pk TO ledger_balances_shard_account_id_scope_scope_id_pk;--> statement-breakpoint

ALTER TABLE ledger_accounts RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE ledger_accounts
  RENAME CONSTRAINT ledger_accounts_lane_account_id_pk TO ledger_accounts_shard_account_id_pk;--> statement-breakpoint

ALTER TABLE ledger_limits RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE ledger_limits RENAME COLUMN line_bps TO threshold_bps;--> statement-breakpoint
ALTER TABLE ledger_limits
  RENAME CONSTRAINT "ledger_limits_lane_account_id_scope_scope_id_meter_win_valid_fr" TO "ledger_limits_shard_account_id_scope_scope_id_meter_win_valid_f";--> statement-breakpoint

ALTER TABLE ledger_windows RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE ledger_windows RENAME COLUMN lines TO thresholds;--> statement-breakpoint
ALTER TABLE ledger_windows RENAME COLUMN line_bps TO threshold_bps;--> statement-breakpoint
ALTER TABLE ledger_windows RENAME COLUMN place TO balance_index;--> statement-breakpoint
ALTER TABLE ledger_windows RENAME CONSTRAINT ledger_windows_lane_id_pk TO ledger_windows_shard_id_pk;--> statement-breakpoint

ALTER TABLE ledger_holds RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE ledger_holds RENAME CONSTRAINT ledger_holds_lane_id_pk TO ledger_holds_shard_id_pk;--> statement-breakpoint

ALTER TABLE usage_events RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE usage_events
  RENAME CONSTRAINT usage_events_account_id_admitted_at_hold_id_call_index_lane_pk TO usage_events_account_id_admitted_at_hold_id_call_index_shard_pk;--> statement-breakpoint

ALTER TABLE usage_daily RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE usage_daily
  RENAME CONSTRAINT usage_daily_lane_account_id_day_user_id_provider_model_pk TO usage_daily_shard_account_id_day_user_id_provider_model_pk;--> statement-breakpoint

ALTER TABLE threshold_events RENAME COLUMN lane TO shard;--> statement-breakpoint
ALTER TABLE threshold_events RENAME CONSTRAINT threshold_events_lane_id_pk TO threshold_events_shard_id_pk;
