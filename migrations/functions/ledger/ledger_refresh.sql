-- Brings the balances of one account up to date: closes the windows that have ended, applies the limits in force, and opens
-- the windows that have started. Locks the account.
CREATE OR REPLACE FUNCTION ledger_refresh(p_now timestamptz, p_shard smallint, p_account uuid)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_scope text[];
  v_scope_id text[];
  v_since timestamptz;
  v_refresh_at timestamptz;
BEGIN
  SELECT b.refresh_at INTO v_refresh_at FROM ledger_balances b
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '' FOR NO KEY UPDATE;
  -- Write the amounts of the balances back to their windows, none of which ended before the refresh was due. Calls admitted
  -- before the last ended window count there.
  WITH back AS (
    UPDATE ledger_windows w
       SET used = b.used[w.balance_index], held = b.held[w.balance_index], balance_index = NULL
      FROM ledger_balances b
     WHERE b.shard = p_shard AND b.account_id = p_account AND w.account_id = p_account AND w.window_end >= v_refresh_at
       AND w.scope = b.scope AND w.scope_id = b.scope_id AND w.balance_index IS NOT NULL
    RETURNING w.window_end)
  SELECT max(b.window_end) INTO v_since FROM back b WHERE b.window_end <= p_now;

  -- The balances to write: the account's own, those with a limit of their own, and those that have a window still open.
  -- Balances of other members open again on their next call.
  SELECT array_agg(m.scope), array_agg(m.scope_id) INTO v_scope, v_scope_id
    FROM (SELECT 'account' AS scope, '' AS scope_id
          UNION
          SELECT l.scope, l.scope_id FROM ledger_limits l
           WHERE l.shard = p_shard AND l.account_id = p_account AND l.scope_id <> '*'
             AND l.valid_from <= p_now AND l.valid_until > p_now
          UNION
          SELECT w.scope, w.scope_id FROM ledger_windows w WHERE w.account_id = p_account AND w.window_end > p_now) m;

  -- A window that moved with its anchor ends now; a limit that was lifted goes on counting without a bound.
  WITH due AS MATERIALIZED (
    SELECT * FROM ledger_windows_due(p_now, p_shard, p_account, v_scope, v_scope_id)),
  ended AS (
    UPDATE ledger_windows w
       SET window_end = CASE WHEN EXISTS (
             SELECT FROM due d WHERE (d.scope, d.scope_id, d.meter, d.win) = (w.scope, w.scope_id, w.meter, w.win))
             THEN p_now ELSE w.window_end END,
           kind = 'unmetered', amount = NULL, block_at = NULL, thresholds = '{}', threshold_bps = '{}', source = 'none'
     WHERE w.account_id = p_account AND w.window_end > p_now
       AND NOT EXISTS (
         SELECT FROM due d
          WHERE (d.scope, d.scope_id, d.meter, d.win, d.window_start, d.window_end)
              = (w.scope, w.scope_id, w.meter, w.win, w.window_start, w.window_end))
    RETURNING w.window_end)
  SELECT greatest(v_since, max(e.window_end) FILTER (WHERE e.window_end <= p_now)) INTO v_since FROM ended e;

  UPDATE ledger_windows w
     SET kind = d.kind, amount = d.amount, block_at = d.block_at, thresholds = d.thresholds,
         threshold_bps = d.threshold_bps, on_limit = d.on_limit, source = d.source
    FROM ledger_windows_due(p_now, p_shard, p_account, v_scope, v_scope_id) d
   WHERE w.account_id = p_account AND w.window_end = d.window_end
     AND (w.scope, w.scope_id, w.meter, w.win, w.window_start) = (d.scope, d.scope_id, d.meter, d.win, d.window_start)
     AND (w.kind, w.amount, w.block_at, w.thresholds, w.threshold_bps, w.on_limit, w.source)
         IS DISTINCT FROM (d.kind, d.amount, d.block_at, d.thresholds, d.threshold_bps, d.on_limit, d.source);

  PERFORM ledger_write_balances(p_now, p_shard, p_account, v_scope, v_scope_id);

  DELETE FROM ledger_balances b
   WHERE b.shard = p_shard AND b.account_id = p_account
     AND NOT EXISTS (SELECT FROM unnest(v_scope, v_scope_id) m(scope, scope_id)
                      WHERE m.scope = b.scope AND m.scope_id = b.scope_id);

  UPDATE ledger_balances b
     SET since = greatest(b.since, v_since),
         refresh_at = least(
           (SELECT min(w.window_end) FROM ledger_windows w WHERE w.account_id = p_account AND w.window_end > p_now),
           -- and of the windows that users, keys and workspaces open on their first call
           (SELECT min(d.window_end) FROM ledger_accounts a
              JOIN ledger_limits l ON l.shard = a.shard AND l.account_id = a.account_id
                                  AND l.valid_from <= p_now AND l.valid_until > p_now
             CROSS JOIN LATERAL ledger_window(l.win, p_now, a.anchor, a.period_months) d
             WHERE a.shard = p_shard AND a.account_id = p_account),
           (SELECT min(l.valid_until) FROM ledger_limits l
             WHERE l.shard = p_shard AND l.account_id = p_account AND l.valid_until > p_now),
           (SELECT min(l.valid_from) FROM ledger_limits l
             WHERE l.shard = p_shard AND l.account_id = p_account AND l.valid_from > p_now),
           'infinity'),
         member_scopes = ARRAY(
           SELECT l.scope FROM ledger_limits l
            WHERE l.shard = p_shard AND l.account_id = p_account AND l.scope <> 'account'
           UNION
           SELECT m.scope FROM unnest(v_scope) m(scope) WHERE m.scope <> 'account')
   WHERE b.shard = p_shard AND b.account_id = p_account;
END $$;

REVOKE ALL ON FUNCTION ledger_refresh FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_refresh TO inkmeter_gateway, inkmeter_generation, inkmeter_metering;
