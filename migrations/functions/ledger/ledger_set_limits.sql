-- Replaces the limits of an account and updates its balances in the same transaction, so that no hold sees half a change.
-- p_segments: [{scope, scope_id, meter, window, valid_from, valid_until, kind, amount, threshold_bps, block_bps, on_limit,
-- source}].
CREATE OR REPLACE FUNCTION ledger_set_limits(
  p_now timestamptz, p_shard smallint, p_account uuid, p_anchor timestamptz, p_months integer, p_segments jsonb)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  v_now timestamptz;
  v_same_period boolean;
  v_before ledger_limits[];
BEGIN
  INSERT INTO ledger_balances (shard, account_id, scope, scope_id, refresh_at, since, member_scopes, used, held)
  VALUES (p_shard, p_account, 'account', '', 'infinity', '-infinity', '{}', '{}', '{}')
  ON CONFLICT DO NOTHING;
  SELECT b.since INTO v_now FROM ledger_balances b
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = ''
     FOR NO KEY UPDATE;
  v_now := ledger_time_of_change(p_now, p_shard, p_account, v_now);

  v_same_period := EXISTS (
    SELECT FROM ledger_accounts a WHERE a.shard = p_shard AND a.account_id = p_account
       AND a.anchor = p_anchor AND a.period_months = p_months);
  INSERT INTO ledger_accounts (shard, account_id, anchor, period_months) VALUES (p_shard, p_account, p_anchor, p_months)
  ON CONFLICT (shard, account_id) DO UPDATE SET anchor = p_anchor, period_months = p_months;

  -- Limits of end users are set one by one (ledger_set_user_limits).
  WITH gone AS (
    DELETE FROM ledger_limits l
     WHERE l.shard = p_shard AND l.account_id = p_account AND l.source NOT LIKE 'end\_user:%'
    RETURNING l AS row)
  SELECT array_agg(g.row) INTO v_before FROM gone g;
  INSERT INTO ledger_limits (shard, account_id, scope, scope_id, meter, win, valid_from, valid_until, kind, amount, threshold_bps,
                             block_bps, on_limit, source, counted_since)
  SELECT p_shard, p_account, s.scope, s.scope_id, s.meter, s."window", v.valid_from, v.valid_until, s.kind, s.amount,
         s.threshold_bps, s.block_bps, s.on_limit, s.source,
         -- A limit that stays in force keeps its start of counting; others count from when they come into force.
         CASE WHEN v.valid_from > v_now OR v.valid_until <= v_now THEN v.valid_from
              ELSE coalesce((
                SELECT b.counted_since FROM unnest(v_before) b
                 WHERE (b.scope, b.scope_id, b.meter, b.win) = (s.scope, s.scope_id, s.meter, s."window")
                   AND b.valid_from <= v_now AND b.valid_until > v_now AND (v_same_period OR b.win <> 'period')), v_now) END
    FROM jsonb_to_recordset(p_segments) s(
           scope text, scope_id text, meter text, "window" text, valid_from timestamptz, valid_until timestamptz,
           kind text, amount bigint, threshold_bps integer[], block_bps integer, on_limit text, source text)
   CROSS JOIN LATERAL (
     SELECT coalesce(s.valid_from, '-infinity') AS valid_from, coalesce(s.valid_until, 'infinity') AS valid_until) v;
  PERFORM ledger_refresh(v_now, p_shard, p_account);
END $$;

REVOKE ALL ON FUNCTION ledger_set_limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_set_limits TO inkmeter_billing;
