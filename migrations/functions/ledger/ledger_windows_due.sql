-- The windows that the given balances of an account should have open at p_now: each limit in force for the scope itself,
-- or for each member of its kind (`*`) that has no limit of its own.
CREATE OR REPLACE FUNCTION ledger_windows_due(
  p_now timestamptz, p_shard smallint, p_account uuid, p_scope text[], p_scope_id text[])
RETURNS TABLE (
  scope text, scope_id text, meter text, win text, window_start timestamptz, window_end timestamptz, kind text,
  amount bigint, block_at bigint, thresholds bigint[], threshold_bps integer[], on_limit text, source text,
  counted_since timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT l.scope, m.scope_id, l.meter, l.win, w.window_start, w.window_end, l.kind, l.amount,
         ledger_threshold(l.amount, l.block_bps),
         ARRAY(SELECT ledger_threshold(l.amount, b) FROM unnest(l.threshold_bps) b WHERE l.kind = 'n'),
         l.threshold_bps, l.on_limit, l.source, l.counted_since
    FROM ledger_accounts a
    JOIN ledger_limits l ON l.shard = a.shard AND l.account_id = a.account_id
                        AND l.valid_from <= p_now AND l.valid_until > p_now
   CROSS JOIN LATERAL ledger_window(l.win, p_now, a.anchor, a.period_months) w
    JOIN unnest(p_scope, p_scope_id) m(scope, scope_id) ON m.scope = l.scope
     AND (m.scope_id = l.scope_id OR l.scope_id = '*' AND NOT EXISTS (
           SELECT FROM ledger_limits own
            WHERE own.shard = l.shard AND own.account_id = l.account_id
              AND (own.scope, own.scope_id, own.meter, own.win) = (l.scope, m.scope_id, l.meter, l.win)
              AND own.valid_from <= p_now AND own.valid_until > p_now))
   WHERE a.shard = p_shard AND a.account_id = p_account
$$;
