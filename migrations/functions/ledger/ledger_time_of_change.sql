-- The time at which limits of an account change: now, but after everything that was admitted, by any clock, so that each
-- call counts either before the change or after it. p_since: the start of the account's balances, which the caller has locked.
CREATE OR REPLACE FUNCTION ledger_time_of_change(
  p_now timestamptz, p_shard smallint, p_account uuid, p_since timestamptz)
RETURNS timestamptz LANGUAGE sql AS $$
  SELECT greatest(
    coalesce(p_now, clock_timestamp()), p_since,
    (SELECT max(e.admitted_at) FROM usage_events e WHERE e.account_id = p_account) + interval '1 microsecond',
    (SELECT max(h.created_at) FROM ledger_open_holds h WHERE h.shard = p_shard AND h.account_id = p_account)
      + interval '1 microsecond')
$$;
