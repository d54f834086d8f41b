-- Usage per account, day, user, key, workspace, step, provider and model: the totals and what has been settled since the
-- last run of ledger_total_daily, so that the sums are exact at every commit.
CREATE OR REPLACE VIEW usage_daily AS
  SELECT shard, account_id, day, user_id, key_id, workspace_id, step, provider, model, sum(calls)::bigint AS calls,
         sum(errors)::bigint AS errors, sum(input_tokens)::bigint AS input_tokens,
         sum(cache_read_tokens)::bigint AS cache_read_tokens, sum(cache_write_tokens)::bigint AS cache_write_tokens,
         sum(output_tokens)::bigint AS output_tokens, sum(reasoning_tokens)::bigint AS reasoning_tokens,
         sum(cost_nano_usd)::bigint AS cost_nano_usd, sum(latency_ms)::bigint AS latency_ms
    FROM (SELECT * FROM usage_daily_totals UNION ALL SELECT * FROM usage_daily_changes) u
   GROUP BY shard, account_id, day, user_id, key_id, workspace_id, step, provider, model;
