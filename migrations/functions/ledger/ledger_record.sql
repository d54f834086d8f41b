-- Records an amount that no limit and no stop can refuse: the release of a quota resource (a negative amount), or one that
-- is allocated without a hold. It counts in the current windows, or in those of the hold p_under. An account without
-- balances needs none: a counter that opens later starts from the usage rows. Thresholds emit their events.
CREATE OR REPLACE FUNCTION ledger_record(
  p_now timestamptz, p_shard smallint, p_account uuid, p_id uuid, p_user uuid, p_key uuid, p_workspace uuid,
  p_meter text, p_amount bigint, p_provider text, p_step text, p_under uuid)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_scoped boolean;
  v_at timestamptz;
BEGIN
  SELECT l.p_now, l.scoped INTO v_now, v_scoped FROM ledger_lock(p_now, ARRAY[p_shard], ARRAY[p_account], NULL) l;
  -- As a hold would: otherwise a window that opens later would not know of this row.
  IF v_scoped THEN
    PERFORM ledger_open_member_balances(v_now, ARRAY[p_shard], ARRAY[p_account], ARRAY[1], ARRAY[p_user], ARRAY[p_key],
                                        ARRAY[p_workspace]);
  END IF;
  v_at := coalesce(
    (SELECT h.created_at FROM ledger_holds h WHERE h.shard = p_shard AND h.id = p_under AND h.account_id = p_account),
    greatest(v_now, (SELECT max(b.since) FROM ledger_balances b
                      WHERE b.shard = p_shard AND b.account_id = p_account
                        AND ledger_in_scope(b.scope, b.scope_id, p_user, p_key, p_workspace))));

  UPDATE ledger_balances b
     SET (used, next_thresholds) = (
           SELECT array_agg(c.used + n.counted ORDER BY c.position),
                  array_agg(CASE WHEN n.counted > 0 AND c.used + n.counted >= c.next_threshold
                                 THEN ledger_emit_threshold(v_now, p_shard, c.id, c.used + n.counted, p_id)
                                 ELSE c.next_threshold END ORDER BY c.position)
             FROM unnest(b.counter_ids, b.meters, b.used, b.next_thresholds) WITH ORDINALITY
                  c(id, meter, used, next_threshold, position)
             JOIN ledger_windows w ON w.shard = p_shard AND w.id = c.id
            CROSS JOIN LATERAL (
              SELECT CASE WHEN c.meter = p_meter AND w.window_start <= v_at THEN p_amount ELSE 0 END AS counted) n)
   WHERE b.shard = p_shard AND b.account_id = p_account AND p_meter = ANY (b.meters)
     AND ledger_in_scope(b.scope, b.scope_id, p_user, p_key, p_workspace);
  UPDATE ledger_windows w
     SET used = w.used + p_amount
   WHERE w.account_id = p_account AND w.window_end > v_at AND w.window_start <= v_at AND w.meter = p_meter
     AND w.balance_index IS NULL AND ledger_in_scope(w.scope, w.scope_id, p_user, p_key, p_workspace);

  INSERT INTO usage_events (shard, hold_id, call_index, account_id, user_id, key_id, workspace_id, admitted_at,
    occurred_at, step, provider, model, endpoint, status, usage_source, late, overrun, other_classes, other_amounts,
    input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, price_version, latency_ms, attempts, request_bytes,
    response_bytes, meters, amounts)
  VALUES (p_shard, p_id, 0, p_account, p_user, p_key, p_workspace, v_at, v_now, p_step, p_provider, p_meter, '', 'ok',
          'counted', false, false, '{}', '{}', 0, 0, 0, '', 0, 0, 0, 0, ARRAY[p_meter], ARRAY[p_amount]);

  INSERT INTO usage_daily AS u (shard, account_id, day, user_id, provider, model, calls, errors, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms)
  VALUES (p_shard, p_account, (v_at AT TIME ZONE 'UTC')::date,
          coalesce(p_user, '00000000-0000-0000-0000-000000000000'), p_provider, p_meter, 1, 0, 0, 0, 0, 0, 0, 0, 0)
  ON CONFLICT (shard, account_id, day, user_id, provider, model) DO UPDATE SET calls = u.calls + 1;
END $$;

REVOKE ALL ON FUNCTION ledger_record FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_record TO inkmeter_gateway, inkmeter_generation;
