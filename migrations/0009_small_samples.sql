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

-- A new partition does not take this over by itself.
ALTER FUNCTION ledger_ensure_partitions(date, integer) RENAME TO ledger_create_partitions;--> statement-breakpoint

CREATE FUNCTION ledger_ensure_partitions(p_from date, p_months integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_created integer := ledger_create_partitions(p_from, p_months);
BEGIN
  IF v_created > 0 THEN
    PERFORM ledger_sample_little('usage_events');
  END IF;
  RETURN v_created;
END $$;
