-- Creates the monthly partitions of usage_events from p_from on, p_months of them, and returns how many were missing.
CREATE OR REPLACE FUNCTION ledger_ensure_partitions(p_from date, p_months integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_month date;
  v_name text;
  v_created integer := 0;
BEGIN
  -- Two replicas that attach partitions at the same time would wait for each other.
  PERFORM pg_advisory_xact_lock(hashtext('ledger_ensure_partitions'));
  FOR i IN 0..p_months - 1 LOOP
    v_month := date_trunc('month', p_from)::date + make_interval(months => i);
    v_name := 'usage_events_' || to_char(v_month, 'YYYY_MM');
    CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
    -- Rows of that month in the default partition would violate the new partition's bounds.
    CONTINUE WHEN EXISTS (
      SELECT FROM usage_events_default
       WHERE admitted_at >= v_month::timestamp AT TIME ZONE 'UTC'
         AND admitted_at < (v_month + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE %I PARTITION OF usage_events FOR VALUES FROM (%L) TO (%L)', v_name,
      v_month::timestamp AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
    v_created := v_created + 1;
  END LOOP;
  -- A new partition does not inherit statistics targets.
  IF v_created > 0 THEN
    PERFORM ledger_reduce_statistics('usage_events');
  END IF;
  RETURN v_created;
END $$;

REVOKE ALL ON FUNCTION ledger_ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_ensure_partitions TO inkmeter_metering;
