-- The ledger's two large tables are reached by key, whatever their statistics say, and their rows are wide and full of
-- arrays: analysing samples of the usual size took a twentieth of the machine while they grew. A tenth of it will do.
CREATE FUNCTION ledger_sample_little(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE (
    SELECT format('ALTER TABLE %s %s', p_table, string_agg(format('ALTER COLUMN %I SET STATISTICS 10', a.attname), ', '))
      FROM pg_attribute a WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped);
END $$;--> statement-breakpoint

SELECT ledger_sample_little('ledger_holds');--> statement-breakpoint
SELECT ledger_sample_little('usage_events');--> statement-breakpoint

-- As in 0001, but that a new partition does not take this over by itself.
CREATE OR REPLACE FUNCTION ledger_ensure_partitions(p_from date, p_months integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_month date;
  v_name text;
  v_created integer := 0;
BEGIN
  -- Two replicas that attach partitions at the same time would each wait for the other's.
  PERFORM pg_advisory_xact_lock(hashtext('ledger_ensure_partitions'));
  FOR i IN 0..p_months - 1 LOOP
    v_month := date_trunc('month', p_from)::date + make_interval(months => i);
    v_name := 'usage_events_' || to_char(v_month, 'YYYY_MM');
    CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
    CONTINUE WHEN EXISTS (
      SELECT FROM usage_events_default
       WHERE admitted_at >= v_month::timestamp AT TIME ZONE 'UTC'
         AND admitted_at < (v_month + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE %I PARTITION OF usage_events FOR VALUES FROM (%L) TO (%L)', v_name,
      v_month::timestamp AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
    PERFORM ledger_sample_little(v_name::regclass);
    v_created := v_created + 1;
  END LOOP;
  RETURN v_created;
END $$;
