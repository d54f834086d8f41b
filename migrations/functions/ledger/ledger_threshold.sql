-- The smallest integer amount at which used has reached p_bps basis points of p_amount.
CREATE OR REPLACE FUNCTION ledger_threshold(p_amount bigint, p_bps integer) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN ceil(p_amount::numeric * p_bps / 10000)::bigint;
