-- The accounts of a batch whose balances another transaction has locked at this moment.
CREATE OR REPLACE FUNCTION ledger_find_locked(p_shard smallint[], p_account uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
  SELECT q.account_id FROM unnest(p_shard, p_account) q(shard, account_id)
    LEFT JOIN LATERAL (
      SELECT b.account_id FROM ledger_balances b
       WHERE b.shard = q.shard AND b.account_id = q.account_id AND b.scope = 'account' AND b.scope_id = ''
         FOR NO KEY UPDATE SKIP LOCKED) free ON true
   WHERE free.account_id IS NULL AND EXISTS (
     SELECT FROM ledger_balances b
      WHERE b.shard = q.shard AND b.account_id = q.account_id AND b.scope = 'account' AND b.scope_id = '');
END $$;

REVOKE ALL ON FUNCTION ledger_find_locked FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_find_locked TO inkmeter_gateway, inkmeter_generation, inkmeter_metering;
