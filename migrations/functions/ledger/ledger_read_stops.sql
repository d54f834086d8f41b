-- The stops in force, oldest first, for the transaction of a hold. A stop waits for the holds in flight; holds that start
-- later wait here until it has committed.
CREATE OR REPLACE FUNCTION ledger_read_stops() RETURNS TABLE (kind text, target text) LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  LOCK TABLE ledger_stops IN ROW SHARE MODE;
  RETURN QUERY SELECT s.kind, s.target FROM ledger_stops s WHERE s.lifted_at IS NULL ORDER BY s.created_at, s.id;
END $$;

REVOKE ALL ON FUNCTION ledger_read_stops FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_read_stops TO inkmeter_gateway, inkmeter_generation;
