-- Replaces the limits of one user of an account, without the work of ledger_set_limits on its other members. They have a
-- source that begins with `end_user:`, so that a change of the account's limits keeps them. p_segments: as there, without
-- scope and validity. p_is_new: the user has made no request yet, so no limit has to sum earlier ones.
CREATE OR REPLACE FUNCTION ledger_set_user_limits(
  p_now timestamptz, p_shard smallint, p_account uuid, p_user uuid, p_is_new boolean, p_segments jsonb)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  v_id text := p_user::text;
  v_scope text[] := ARRAY['user'];
  v_scope_id text[] := ARRAY[p_user::text];
  v_now timestamptz;
  v_refresh_at timestamptz;
  v_before ledger_limits[];
BEGIN
  SELECT b.since, b.refresh_at INTO v_now, v_refresh_at FROM ledger_balances b
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = ''
     FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'The account % has no balances', p_account;
  END IF;
  v_now := ledger_time_of_change(p_now, p_shard, p_account, v_now);
  IF v_refresh_at <= v_now THEN
    PERFORM ledger_refresh(v_now, p_shard, p_account);
  END IF;

  WITH gone AS (
    DELETE FROM ledger_limits l
     WHERE l.shard = p_shard AND l.account_id = p_account AND l.scope = 'user' AND l.scope_id = v_id
       AND l.source LIKE 'end\_user:%'
    RETURNING l AS row)
  SELECT array_agg(g.row) INTO v_before FROM gone g;
  INSERT INTO ledger_limits (shard, account_id, scope, scope_id, meter, win, valid_from, valid_until, kind, amount, threshold_bps,
                             block_bps, on_limit, source, counted_since)
  SELECT p_shard, p_account, 'user', v_id, s.meter, s."window", '-infinity', 'infinity', s.kind, s.amount, s.threshold_bps,
         s.block_bps, s.on_limit, 'end_user:' || v_id,
         coalesce((SELECT b.counted_since FROM unnest(v_before) b WHERE (b.meter, b.win) = (s.meter, s."window")),
                  CASE WHEN p_is_new THEN '-infinity' ELSE v_now END)
    FROM jsonb_to_recordset(p_segments) s(
           meter text, "window" text, kind text, amount bigint, threshold_bps integer[], block_bps integer, on_limit text);

  -- The steps of ledger_refresh, for this balance alone. No window moves.
  UPDATE ledger_windows w
     SET used = b.used[w.balance_index], held = b.held[w.balance_index], balance_index = NULL
    FROM ledger_balances b
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'user' AND b.scope_id = v_id
     AND w.account_id = p_account AND w.window_end > v_now AND w.scope = 'user' AND w.scope_id = v_id
     AND w.balance_index IS NOT NULL;
  UPDATE ledger_windows w
     SET kind = 'unmetered', amount = NULL, block_at = NULL, thresholds = '{}', threshold_bps = '{}', source = 'none'
   WHERE w.account_id = p_account AND w.window_end > v_now AND w.scope = 'user' AND w.scope_id = v_id
     AND NOT EXISTS (
       SELECT FROM ledger_windows_due(v_now, p_shard, p_account, v_scope, v_scope_id) d
        WHERE (d.meter, d.win, d.window_start, d.window_end) = (w.meter, w.win, w.window_start, w.window_end));
  UPDATE ledger_windows w
     SET kind = d.kind, amount = d.amount, block_at = d.block_at, thresholds = d.thresholds,
         threshold_bps = d.threshold_bps, on_limit = d.on_limit, source = d.source
    FROM ledger_windows_due(v_now, p_shard, p_account, v_scope, v_scope_id) d
   WHERE w.account_id = p_account AND w.window_end = d.window_end AND w.scope = 'user' AND w.scope_id = v_id
     AND (w.meter, w.win, w.window_start) = (d.meter, d.win, d.window_start);
  PERFORM ledger_write_balances(v_now, p_shard, p_account, v_scope, v_scope_id);

  UPDATE ledger_balances b
     SET member_scopes = ARRAY(SELECT DISTINCT s FROM unnest(b.member_scopes || 'user'::text) s),
         refresh_at = least(b.refresh_at, (
           SELECT min(d.window_end) FROM ledger_windows_due(v_now, p_shard, p_account, v_scope, v_scope_id) d))
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '';
END $$;

REVOKE ALL ON FUNCTION ledger_set_user_limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_set_user_limits TO inkmeter_billing;
