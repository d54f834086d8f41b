-- Opens the balances of users, keys and workspaces on their first call, in locked accounts that limit such members.
CREATE OR REPLACE FUNCTION ledger_open_member_balances(
  p_now timestamptz, p_shard smallint[], p_account uuid[], p_of integer[], p_user uuid[], p_key uuid[],
  p_workspace uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_new record;
BEGIN
  FOR v_new IN
    SELECT m.shard, m.account_id, array_agg(m.scope) AS scope, array_agg(m.scope_id) AS scope_id
      FROM (SELECT DISTINCT b.shard, b.account_id, s.scope,
                   CASE s.scope WHEN 'user' THEN p_user[i] WHEN 'key' THEN p_key[i] ELSE p_workspace[i] END::text AS scope_id
              FROM generate_series(1, cardinality(p_of)) i
             CROSS JOIN LATERAL (
               SELECT b.shard, b.account_id, b.member_scopes FROM ledger_balances b
                WHERE b.shard = p_shard[p_of[i]] AND b.account_id = p_account[p_of[i]] AND b.scope = 'account'
                  AND b.scope_id = '' LIMIT 1) b
             CROSS JOIN LATERAL unnest(b.member_scopes) s(scope)) m
     WHERE m.scope_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM ledger_balances known
        WHERE known.shard = m.shard AND known.account_id = m.account_id AND known.scope = m.scope
          AND known.scope_id = m.scope_id)
     GROUP BY m.shard, m.account_id
  LOOP
    PERFORM ledger_write_balances(p_now, v_new.shard, v_new.account_id, v_new.scope, v_new.scope_id);
  END LOOP;
END $$;
