-- The change from one amount to another. NULL is unknown; it stays unknown only if both are.
CREATE OR REPLACE FUNCTION ledger_difference(p_after bigint, p_before bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN CASE
  WHEN p_after IS NOT NULL OR p_before IS NOT NULL THEN coalesce(p_after, 0) - coalesce(p_before, 0) END;
