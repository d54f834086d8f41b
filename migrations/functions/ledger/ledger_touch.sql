-- Brings the balances of an account up to date, as the next hold of this user, key and workspace would, before a read.
CREATE OR REPLACE FUNCTION ledger_touch(
  p_now timestamptz, p_shard smallint, p_account uuid, p_user uuid, p_key uuid, p_workspace uuid)
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
  v_member_scopes text[];
BEGIN
  PERFORM FROM ledger_balances b
    WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '' FOR NO KEY UPDATE;
  v_now := coalesce(p_now, clock_timestamp());
  PERFORM ledger_refresh(v_now, p_shard, p_account) FROM ledger_balances b
    WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '' AND b.refresh_at <= v_now;
  SELECT b.member_scopes INTO v_member_scopes FROM ledger_balances b
    WHERE b.shard = p_shard AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = '';
  PERFORM ledger_open_balances(v_now, p_shard, p_account, array_agg(m.scope), array_agg(m.scope_id))
     FROM (VALUES ('user', p_user::text), ('key', p_key::text), ('workspace', p_workspace::text)) m(scope, scope_id)
    WHERE m.scope_id IS NOT NULL AND m.scope = ANY (v_member_scopes)
   HAVING count(*) > 0;
END $$;

REVOKE ALL ON FUNCTION ledger_touch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_touch TO inkmeter_gateway, inkmeter_billing, inkmeter_metering;
