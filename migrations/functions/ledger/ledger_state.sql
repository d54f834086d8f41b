-- The state of a limit follows its used amount. p_thresholds: [warning, notice, block, hard]. limitState in
-- libs/catalogue/thresholds.ts is the reference; a property test compares the two.
CREATE OR REPLACE FUNCTION ledger_state(p_kind text, p_used bigint, p_amount bigint, p_thresholds bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE RETURN CASE
  WHEN p_kind <> 'n' THEN 'ok'
  WHEN p_used >= p_amount OR p_used >= p_thresholds[4] THEN 'exhausted'
  WHEN p_used >= p_thresholds[3] THEN 'blocked'
  WHEN p_used >= p_thresholds[2] THEN 'notice'
  WHEN p_used >= p_thresholds[1] THEN 'warning'
  ELSE 'ok' END;
