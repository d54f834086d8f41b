-- The smallest integer amount at which used has reached p_bps basis points of p_amount. Integer division, because numeric
-- division rounds large amounts.
CREATE OR REPLACE FUNCTION ledger_threshold(p_amount bigint, p_bps integer) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN div(p_amount::numeric * p_bps + 9999, 10000)::bigint;
