-- Opens the windows that are due for the given balances of a locked account, and writes the balances. A window that opens
-- after its start (a new limit, a moved anchor) starts from the usage rows and open holds of its time. A window whose limit
-- was counted all along starts from zero: had a call been admitted in it, it would be open already.
CREATE OR REPLACE FUNCTION ledger_write_balances(
  p_now timestamptz, p_shard smallint, p_account uuid, p_scope text[], p_scope_id text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_window record;
BEGIN
  FOR v_window IN
    WITH due AS (
      SELECT * FROM ledger_windows_due(p_now, p_shard, p_account, p_scope, p_scope_id)),
    opened AS (
      INSERT INTO ledger_windows (shard, account_id, scope, scope_id, meter, win, window_start, window_end, kind, amount,
                                  block_at, thresholds, threshold_bps, on_limit, source)
      SELECT p_shard, p_account, d.scope, d.scope_id, d.meter, d.win, d.window_start, d.window_end, d.kind, d.amount,
             d.block_at, d.thresholds, d.threshold_bps, d.on_limit, d.source
        FROM due d
      ON CONFLICT (account_id, window_end, shard, scope, scope_id, meter, win, window_start) DO NOTHING
      RETURNING *)
    SELECT o.* FROM opened o
      JOIN due d ON (d.scope, d.scope_id, d.meter, d.win) = (o.scope, o.scope_id, o.meter, o.win)
     WHERE d.counted_since >= o.window_start
  LOOP
    UPDATE ledger_windows w
       SET used = coalesce((
             SELECT sum(a.amount) FROM usage_events e, unnest(e.meters, e.amounts) a(meter, amount)
              WHERE e.account_id = p_account AND e.admitted_at >= w.window_start AND e.admitted_at < w.window_end
                AND a.meter = w.meter AND ledger_in_scope(w.scope, w.scope_id, e.user_id, e.key_id, e.workspace_id)), 0),
           held = coalesce((
             SELECT sum(a.amount) FROM ledger_open_holds h, unnest(h.meters, h.remaining) a(meter, amount)
              WHERE h.shard = p_shard AND h.account_id = p_account
                AND h.created_at >= w.window_start AND h.created_at < w.window_end
                AND a.meter = w.meter AND ledger_in_scope(w.scope, w.scope_id, h.user_id, h.key_id, h.workspace_id)), 0)
     WHERE w.shard = p_shard AND w.id = v_window.id;
  END LOOP;

  WITH positions AS (
    SELECT w.id, row_number() OVER (PARTITION BY w.scope, w.scope_id ORDER BY w.id)::smallint AS balance_index
      FROM ledger_windows w JOIN unnest(p_scope, p_scope_id) m(scope, scope_id)
        ON m.scope = w.scope AND m.scope_id = w.scope_id
     WHERE w.account_id = p_account AND w.window_end > p_now)
  UPDATE ledger_windows w SET balance_index = p.balance_index FROM positions p WHERE w.shard = p_shard AND w.id = p.id;

  INSERT INTO ledger_balances AS b (shard, account_id, scope, scope_id, refresh_at, since, member_scopes, used, held)
  SELECT p_shard, p_account, m.scope, m.scope_id, 'infinity', coalesce(max(w.window_start), '-infinity'), '{}',
         coalesce(array_agg(w.used ORDER BY w.balance_index) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(w.held ORDER BY w.balance_index) FILTER (WHERE w.id IS NOT NULL), '{}')
    FROM unnest(p_scope, p_scope_id) m(scope, scope_id)
    LEFT JOIN ledger_windows w ON w.account_id = p_account AND w.window_end > p_now AND w.scope = m.scope
                              AND w.scope_id = m.scope_id
   GROUP BY m.scope, m.scope_id
  ON CONFLICT (shard, account_id, scope, scope_id) DO UPDATE SET
    since = greatest(b.since, excluded.since), version = excluded.version, used = excluded.used, held = excluded.held;

  -- A limit that changed, or a window that starts from earlier usage, may stand above thresholds that no settle crosses.
  INSERT INTO threshold_events (shard, account_id, counter_id, threshold_bps, state, used, amount, occurred_at)
  SELECT p_shard, p_account, w.id, r.bps, ledger_state(w.kind, w.used, w.amount, w.thresholds), w.used, w.amount, p_now
    FROM ledger_windows w
    JOIN unnest(p_scope, p_scope_id) m(scope, scope_id) ON m.scope = w.scope AND m.scope_id = w.scope_id
   CROSS JOIN LATERAL (
     SELECT t.bps FROM unnest(w.thresholds, w.threshold_bps) t(threshold, bps)
      WHERE t.threshold <= w.used ORDER BY t.threshold DESC, t.bps DESC LIMIT 1) r
   WHERE w.account_id = p_account AND w.window_end > p_now AND w.used > 0
  ON CONFLICT (shard, counter_id, threshold_bps, amount) DO NOTHING;
END $$;
