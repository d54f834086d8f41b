-- Removes the partition of one month of usage_events, once its rows are stored elsewhere. Returns false and changes nothing
-- if it does not have exactly p_rows rows, because a correction arrived meanwhile, or if there is no such partition.
--
-- Rows of that month can be read but not added while they are counted. Detaching locks the parent for a moment; it waits
-- shortly for readers and then fails with lock_not_available, so that no queue forms behind it.
CREATE OR REPLACE FUNCTION ledger_detach_partition(p_month date, p_rows bigint) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
  v_name text := 'usage_events_' || to_char(p_month, 'YYYY_MM');
  v_rows bigint;
BEGIN
  -- Limits look back to the beginning of their windows: recent months stay.
  IF p_month > date_trunc('month', now()) - interval '3 months' OR to_regclass(v_name) IS NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('LOCK TABLE %I IN SHARE MODE', v_name);
  EXECUTE format('SELECT count(*) FROM %I', v_name) INTO v_rows;
  IF v_rows <> p_rows THEN
    RETURN false;
  END IF;
  EXECUTE format('ALTER TABLE usage_events DETACH PARTITION %I', v_name);
  EXECUTE format('DROP TABLE %I', v_name);
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION ledger_detach_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_detach_partition TO inkmeter_metering;
