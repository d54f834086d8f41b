/** Describes a database's schema as text, to compare two installations. */
import type { Pool } from 'pg';

/** Each query returns one line per object. Monthly partitions are left out: which exist depends on the date. */
const QUERIES: Readonly<Record<string, string>> = {
  columns: `
    SELECT format('column %s.%s %s%s%s default %s statistics %s', c.relname, a.attname,
             format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' not null' END,
             CASE WHEN a.attgenerated <> '' THEN ' generated' END,
             coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), coalesce(a.attstattarget::text, '-')) AS line
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped`,
  relations: `
    SELECT format('%s %s %s', c.relkind, c.relname, c.reloptions::text) AS line FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition`,
  constraints: `
    SELECT format('constraint %s on %s: %s', n.conname, c.relname, pg_get_constraintdef(n.oid)) AS line
      FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
     WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition`,
  indexes: `
    SELECT pg_get_indexdef(i.indexrelid) AS line FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition`,
  views: `
    SELECT format('view %s: %s', c.relname, pg_get_viewdef(c.oid)) AS line FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'`,
  functions: `
    SELECT pg_get_functiondef(p.oid) AS line FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace`,
  triggers: `
    SELECT pg_get_triggerdef(t.oid) AS line FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND NOT c.relispartition`,
  grants: `
    SELECT format('grant %s on %s to %s', a.privilege_type, o.name,
             CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END) AS line
      FROM (SELECT c.relname::text AS name, c.relacl AS acl, c.relowner AS owner FROM pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
            UNION ALL
            SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace) o
     CROSS JOIN LATERAL aclexplode(o.acl) a WHERE a.grantee <> o.owner`,
};

/** One line per column, constraint, index, view, function, trigger and grant of the schema `public`, sorted. */
export async function describeSchema(pool: Pool): Promise<string[]> {
  const lines: string[] = [];
  for (const sql of Object.values(QUERIES)) {
    const { rows } = await pool.query<{ line: string }>(sql);
    lines.push(...rows.map(({ line }) => line));
  }
  return lines.sort();
}
