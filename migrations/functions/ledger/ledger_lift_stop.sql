-- Lifts a stop and notifies the services. Returns the stop, or a row of NULLs for an unknown id.
CREATE OR REPLACE FUNCTION ledger_lift_stop(p_now timestamptz, p_id uuid, p_author text) RETURNS ledger_stops LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_stop ledger_stops;
BEGIN
  LOCK TABLE ledger_stops IN EXCLUSIVE MODE;
  UPDATE ledger_stops s SET lifted_at = coalesce(p_now, clock_timestamp()), lifted_by = p_author
   WHERE s.id = p_id AND s.lifted_at IS NULL;
  SELECT * INTO v_stop FROM ledger_stops s WHERE s.id = p_id;
  IF v_stop.id IS NOT NULL THEN
    PERFORM pg_notify('inkmeter', json_build_object('kind', 'stop_lifted', 'id', v_stop.id)::text);
  END IF;
  RETURN v_stop;
END $$;

REVOKE ALL ON FUNCTION ledger_lift_stop FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_lift_stop TO inkmeter_metering;
