-- Locks the accounts of a batch in one fixed order and refreshes those whose balances are out of date. p_now becomes the
-- time of the decision; it is read after the locks, so the times of one account never run backwards. Returns the accounts'
-- own balances in the order of p_account (NULL for an unknown account) and pointers to their rows: a locked row does not
-- move, so the update needs no second search. A lock that takes longer than p_max_wait_ms fails the transaction (55P03);
-- NULL sets no limit.
CREATE OR REPLACE FUNCTION ledger_lock(
  INOUT p_now timestamptz, p_shard smallint[], p_account uuid[], p_max_wait_ms integer, OUT balances ledger_balances[], OUT row_pointers tid[],
  OUT scoped boolean)
LANGUAGE plpgsql AS $$
DECLARE
  v_given timestamptz := p_now;
  v_lock_timeout text := current_setting('lock_timeout');
  v_order integer[];
  v_refresh_at timestamptz;
  v_stale record;
BEGIN
  IF p_max_wait_ms IS NOT NULL THEN
    PERFORM set_config('lock_timeout', p_max_wait_ms::text, true);
  END IF;
  LOOP
    -- One lookup by key per account, in lock order: the planner cannot reorder a LATERAL subquery with FOR UPDATE.
    SELECT array_agg(b.balance), array_agg(b.row_pointer), array_agg(o.i), bool_or(b.scoped), min(b.refresh_at)
      INTO balances, row_pointers, v_order, scoped, v_refresh_at
      FROM (SELECT i FROM generate_series(1, cardinality(p_account)) i ORDER BY p_shard[i], p_account[i]) o
      LEFT JOIN LATERAL (
        SELECT b AS balance, b.ctid AS row_pointer, b.member_scopes <> '{}' AS scoped, b.refresh_at
          FROM ledger_balances b
         WHERE b.shard = p_shard[o.i] AND b.account_id = p_account[o.i] AND b.scope = 'account' AND b.scope_id = ''
           FOR NO KEY UPDATE) b ON true;
    p_now := coalesce(v_given, clock_timestamp());
    EXIT WHEN v_refresh_at IS NULL OR v_refresh_at > p_now;
    FOR v_stale IN
      SELECT b.shard, b.account_id FROM unnest(balances) b WHERE b.refresh_at <= p_now
    LOOP
      PERFORM ledger_refresh(p_now, v_stale.shard, v_stale.account_id);
    END LOOP;
  END LOOP;
  IF p_max_wait_ms IS NOT NULL THEN
    PERFORM set_config('lock_timeout', v_lock_timeout, true);
  END IF;
  -- Callers that pass their accounts in lock order avoid this sort.
  IF v_order <> ARRAY(SELECT generate_series(1, cardinality(p_account))) THEN
    SELECT array_agg(balances[q] ORDER BY v_order[q]), array_agg(row_pointers[q] ORDER BY v_order[q])
      INTO balances, row_pointers
      FROM generate_series(1, cardinality(p_account)) q;
  END IF;
END $$;
