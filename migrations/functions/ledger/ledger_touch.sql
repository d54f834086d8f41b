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
  v_scoped boolean;
BEGIN
  SELECT l.p_now, l.scoped INTO v_now, v_scoped FROM ledger_lock(p_now, ARRAY[p_shard], ARRAY[p_account], NULL) l;
  IF v_scoped THEN
    PERFORM ledger_open_member_balances(v_now, ARRAY[p_shard], ARRAY[p_account], ARRAY[1], ARRAY[p_user], ARRAY[p_key],
                                ARRAY[p_workspace]);
  END IF;
END $$;

REVOKE ALL ON FUNCTION ledger_touch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_touch TO inkmeter_gateway, inkmeter_billing, inkmeter_metering;
