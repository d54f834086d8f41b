-- Releases what holds past their expiry still hold; with p_ids, only these. Their settled calls stay recorded.
CREATE OR REPLACE FUNCTION ledger_expire(p_now timestamptz, p_limit integer, p_ids uuid[] DEFAULT NULL)
RETURNS TABLE (id uuid, account_id uuid, settled_calls integer[], meters text[], released bigint[], expires_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_id uuid[]; v_shard_of smallint[]; v_account_of uuid[];
  v_shard smallint[]; v_account uuid[];
  n integer;
BEGIN
  SELECT array_agg(d.id), array_agg(d.shard), array_agg(d.account_id), count(*) INTO v_id, v_shard_of, v_account_of, n
    FROM (SELECT h.id, h.shard, h.account_id FROM ledger_holds h
           WHERE h.state = 'open' AND h.expires_at <= coalesce(p_now, clock_timestamp())
             AND (p_ids IS NULL OR h.id = ANY (p_ids))
           ORDER BY h.expires_at LIMIT p_limit) d;
  IF n = 0 THEN RETURN; END IF;
  SELECT array_agg(d.shard), array_agg(d.account_id) INTO v_shard, v_account
    FROM (SELECT DISTINCT * FROM unnest(v_shard_of, v_account_of) a(shard, account_id)) d;
  SELECT l.p_now INTO v_now FROM ledger_lock(p_now, v_shard, v_account, NULL) l;

  RETURN QUERY
  SELECT h.id, h.account_id, h.settled_calls, h.meters, h.remaining, h.expires_at
    FROM unnest(v_shard_of, v_id) d(shard, id)
    JOIN ledger_holds h ON h.shard = d.shard AND h.id = d.id AND h.state = 'open';

  PERFORM FROM ledger_settle(
    v_now, v_shard, v_account, '{}', '{}', 'expired',
    ARRAY(SELECT array_position(v_account, a) FROM unnest(v_account_of) a), v_id,
    array_fill(NULL::integer, ARRAY[n]), array_fill(true, ARRAY[n]), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
END $$;

REVOKE ALL ON FUNCTION ledger_expire FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_expire TO inkmeter_metering;
