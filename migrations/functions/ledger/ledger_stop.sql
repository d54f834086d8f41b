-- A stop waits for the holds in flight and makes new ones wait until it has committed: after its commit no replica admits
-- a hold that it covers.
CREATE OR REPLACE FUNCTION ledger_stop(p_now timestamptz, p_id uuid, p_kind text, p_target text, p_reason text, p_author text)
RETURNS ledger_stops LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_stop ledger_stops;
BEGIN
  LOCK TABLE ledger_stops IN EXCLUSIVE MODE;
  SELECT * INTO v_stop FROM ledger_stops s WHERE s.kind = p_kind AND s.target = p_target AND s.lifted_at IS NULL;
  IF FOUND THEN RETURN v_stop; END IF;
  INSERT INTO ledger_stops (id, kind, target, reason, author, created_at)
  VALUES (p_id, p_kind, p_target, p_reason, p_author, coalesce(p_now, clock_timestamp()))
  RETURNING * INTO v_stop;
  PERFORM pg_notify('inkmeter', json_build_object('kind', 'stop', 'id', v_stop.id, 'stop', v_stop.kind, 'target', v_stop.target)::text);
  RETURN v_stop;
END $$;

REVOKE ALL ON FUNCTION ledger_stop FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_stop TO inkmeter_metering;
