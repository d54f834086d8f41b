-- Adds the balances of users, keys and workspaces to those of their locked accounts. Request i counts in the balance
-- request_balance[i] and in those of the chain that starts at next_balance[i]: x = next_balance[i] counts in
-- request_balance[x], then x = next_balance[x]. A member without a balance has NULL in request_balance.
CREATE OR REPLACE FUNCTION ledger_load_member_balances(
  INOUT balances ledger_balances[], INOUT row_pointers tid[], p_of integer[], p_user uuid[], p_key uuid[], p_workspace uuid[],
  OUT request_balance integer[], OUT next_balance integer[])
LANGUAGE plpgsql AS $$
DECLARE
  v_row record;
  k integer;
  x integer := cardinality(p_of);
BEGIN
  request_balance := p_of;
  next_balance := '{}';
  FOR v_row IN
    SELECT i, b AS balance, b.ctid AS row_pointer
      FROM generate_series(1, cardinality(p_of)) i
     CROSS JOIN LATERAL (SELECT (balances[p_of[i]]).*) a
     CROSS JOIN LATERAL unnest(a.member_scopes) m(scope)
     CROSS JOIN LATERAL (
       SELECT CASE m.scope WHEN 'user' THEN p_user[i] WHEN 'key' THEN p_key[i] ELSE p_workspace[i] END::text AS id) own
      LEFT JOIN ledger_balances b ON b.shard = a.shard AND b.account_id = a.account_id AND b.scope = m.scope
                              AND b.scope_id = own.id
     WHERE own.id IS NOT NULL
  LOOP
    k := CASE WHEN v_row.row_pointer IS NOT NULL THEN array_position(row_pointers, v_row.row_pointer) END;
    IF k IS NULL AND v_row.row_pointer IS NOT NULL THEN
      k := cardinality(row_pointers) + 1;
      row_pointers[k] := v_row.row_pointer;
      balances[k] := v_row.balance;
    END IF;
    x := x + 1;
    request_balance[x] := k;
    next_balance[x] := next_balance[v_row.i];
    next_balance[v_row.i] := x;
  END LOOP;
END $$;
