-- The changes by name from one set of amounts to another; names whose amount stays are left out.
CREATE OR REPLACE FUNCTION ledger_differences(
  p_names text[], p_amounts bigint[], p_names_before text[], p_amounts_before bigint[], OUT names text[], OUT amounts bigint[])
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(d.name ORDER BY d.name), '{}'), coalesce(array_agg(d.change ORDER BY d.name), '{}')
    FROM (SELECT c.name, sum(c.amount)::bigint AS change
            FROM (SELECT name, amount FROM unnest(p_names, p_amounts) a(name, amount)
                  UNION ALL
                  SELECT name, -amount FROM unnest(p_names_before, p_amounts_before) b(name, amount)) c
           GROUP BY c.name HAVING sum(c.amount) <> 0) d
$$;
