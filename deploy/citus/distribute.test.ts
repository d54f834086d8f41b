/** distribute.sql on plain PostgreSQL, where functions of Citus's names only note what they are called with. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';

const SCRIPT = readFileSync(new URL('./distribute.sql', import.meta.url), 'utf8');

/** Written by the statement that crosses a threshold, and read by its trigger, which writes tables of other owners. */
const ON_COORDINATOR = ['threshold_events'];

const STUBS = `
  CREATE TABLE noted (name text, kind text, with_table text);
  CREATE FUNCTION create_distributed_table(t regclass, c text, colocate_with text DEFAULT NULL) RETURNS void
    LANGUAGE sql AS 'INSERT INTO noted VALUES (t::text, c, colocate_with)';
  CREATE FUNCTION create_reference_table(t regclass) RETURNS void
    LANGUAGE sql AS $$INSERT INTO noted VALUES (t::text, 'reference', NULL)$$;`;

t.test('it distributes every table of the ledger by shard, in one group', async (t) => {
  const { pool } = await createTestDatabase(t);
  await pool.query(STUBS);
  await pool.query(SCRIPT);
  const { rows: noted } = await pool.query<{ name: string; kind: string; with_table: string | null }>(
    'SELECT name, kind, with_table FROM noted',
  );
  const distributed = noted.filter(({ kind }) => kind === 'shard').map(({ name }) => name);
  t.strictSame(
    noted.filter(({ kind }) => kind !== 'shard').map(({ name, kind }) => [name, kind]),
    [['ledger_stops', 'reference']],
  );
  t.strictSame(
    [...new Set(noted.map(({ with_table: group }) => group))],
    [null, 'ledger_accounts'],
    'all follow the first',
  );

  const { rows: sharded } = await pool.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'shard' AND NOT a.attisdropped`,
  );
  t.strictSame([...distributed, ...ON_COORDINATOR].sort(), sharded.map(({ name }) => name).sort());

  const { rows: unsuitable } = await pool.query<{ index: string }>(
    `SELECT i.indexrelid::regclass::text AS index FROM pg_index i
      WHERE i.indrelid = ANY ($1::regclass[]) AND (i.indisunique OR i.indisprimary) AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'shard' AND a.attnum = ANY (i.indkey))`,
    [distributed],
  );
  t.strictSame(unsuitable, [], 'Citus enforces uniqueness within a shard only');
  const { rows: references } = await pool.query(
    `SELECT conname FROM pg_constraint WHERE contype = 'f' AND (conrelid = ANY ($1::regclass[]) OR confrelid = ANY ($1::regclass[]))`,
    [distributed],
  );
  t.strictSame(references, [], 'no foreign key leads to a table elsewhere');
});
