-- Distributes the ledger over the nodes of a Citus cluster, by `shard`: 64 values, so that a shard of Citus has about one.
-- Run it once on the coordinator, after the migrations and before the first call:
--   psql -v ON_ERROR_STOP=1 -f deploy/citus/distribute.sql "$DATABASE_URL"
-- deploy/citus/README.md says what was tried.
BEGIN;

SET LOCAL citus.shard_count = 64;

-- The first table makes the group of shards; the others follow it, so that the rows of an account are on one node.
SELECT create_distributed_table('ledger_accounts', 'shard');
SELECT create_distributed_table('ledger_limits', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('ledger_balances', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('ledger_windows', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('ledger_decisions', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('ledger_open_holds', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('ledger_ended_holds', 'shard', colocate_with => 'ledger_accounts');
-- with its partitions, present and future
SELECT create_distributed_table('usage_events', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('usage_daily_changes', 'shard', colocate_with => 'ledger_accounts');
SELECT create_distributed_table('usage_daily_totals', 'shard', colocate_with => 'ledger_accounts');

-- Read by every hold, and written by staff only.
SELECT create_reference_table('ledger_stops');

COMMIT;
