-- Creates the monthly partitions of usage_events from p_from on, p_months of them, and returns how many were missing.
--
-- Settlements go on meanwhile: a table is built on its own and then attached, which locks the parent only against other
-- changes of its definition. Attaching locks the default partition, where only readers of the whole table can be; it
-- waits for them a moment and then fails with lock_not_available, so that no queue forms behind it.
CREATE OR REPLACE FUNCTION ledger_ensure_partitions(p_from date, p_months integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
  v_month date;
  v_start timestamptz;
  v_end timestamptz;
  v_name text;
  v_created integer := 0;
BEGIN
  -- Another replica is creating them.
  IF NOT pg_try_advisory_xact_lock(hashtext('ledger_ensure_partitions')) THEN
    RETURN 0;
  END IF;
  FOR i IN 0..p_months - 1 LOOP
    v_month := date_trunc('month', p_from)::date + make_interval(months => i);
    v_start := v_month::timestamp AT TIME ZONE 'UTC';
    v_end := (v_month + interval '1 month') AT TIME ZONE 'UTC';
    v_name := 'usage_events_' || to_char(v_month, 'YYYY_MM');
    CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
    -- Rows of that month in the default partition would violate the new partition's bounds.
    CONTINUE WHEN EXISTS (
      SELECT FROM usage_events_default WHERE admitted_at >= v_start AND admitted_at < v_end);
    EXECUTE format('CREATE TABLE %I (LIKE usage_events INCLUDING ALL)', v_name);
    -- A new partition does not inherit statistics targets.
    PERFORM ledger_reduce_statistics(v_name::regclass);
    EXECUTE format('ALTER TABLE usage_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      v_name, v_start, v_end);
    v_created := v_created + 1;
  END LOOP;
  RETURN v_created;
END $$;

REVOKE ALL ON FUNCTION ledger_ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_ensure_partitions TO inkmeter_metering;
