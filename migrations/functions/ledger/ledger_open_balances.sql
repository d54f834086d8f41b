-- Opens the balances of users, keys and workspaces of an account that have none yet. Locks the account.
CREATE OR REPLACE FUNCTION ledger_open_balances(
  p_now timestamptz, p_shard smallint, p_account uuid, p_scope text[], p_scope_id text[])
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_scope text[];
  v_scope_id text[];
BEGIN
  PERFORM FROM ledger_balances b
    WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '' FOR NO KEY UPDATE;
  SELECT array_agg(m.scope), array_agg(m.scope_id) INTO v_scope, v_scope_id
    FROM (SELECT DISTINCT scope, scope_id FROM unnest(p_scope, p_scope_id) q(scope, scope_id)) m
   WHERE NOT EXISTS (
     SELECT FROM ledger_balances b
      WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = m.scope AND b.scope_id = m.scope_id);
  IF v_scope IS NOT NULL THEN
    PERFORM ledger_write_balances(p_now, p_shard, p_account, v_scope, v_scope_id);
  END IF;
END $$;

REVOKE ALL ON FUNCTION ledger_open_balances FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_open_balances TO inkmeter_gateway, inkmeter_generation, inkmeter_metering;
