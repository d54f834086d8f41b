-- Moves the changes of the daily sums to the totals, and returns how many there were. A snapshot sees a change in one of
-- the two tables. Runs at the same time cannot count a change twice: the second waits for the lock.
CREATE OR REPLACE FUNCTION ledger_total_daily() RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_moved bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ledger_total_daily'));
  WITH moved AS (DELETE FROM usage_daily_changes RETURNING *),
  added AS (
    INSERT INTO usage_daily_totals AS t (shard, account_id, day, user_id, key_id, workspace_id, step, provider, model,
      calls, errors, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd,
      latency_ms)
    SELECT shard, account_id, day, user_id, key_id, workspace_id, step, provider, model, sum(calls), sum(errors),
           sum(input_tokens), sum(cache_read_tokens), sum(cache_write_tokens), sum(output_tokens),
           sum(reasoning_tokens), sum(cost_nano_usd), sum(latency_ms)
      FROM moved
     GROUP BY shard, account_id, day, user_id, key_id, workspace_id, step, provider, model
    ON CONFLICT (shard, account_id, day, user_id, key_id, workspace_id, step, provider, model) DO UPDATE SET
      calls = t.calls + excluded.calls, errors = t.errors + excluded.errors,
      input_tokens = t.input_tokens + excluded.input_tokens,
      cache_read_tokens = t.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = t.cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = t.output_tokens + excluded.output_tokens,
      reasoning_tokens = t.reasoning_tokens + excluded.reasoning_tokens,
      cost_nano_usd = t.cost_nano_usd + excluded.cost_nano_usd, latency_ms = t.latency_ms + excluded.latency_ms)
  SELECT count(*) INTO v_moved FROM moved;
  RETURN v_moved;
END $$;

REVOKE ALL ON FUNCTION ledger_total_daily FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_total_daily TO inkmeter_metering;
