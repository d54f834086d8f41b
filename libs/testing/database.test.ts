import t from 'tap';
import { createPool } from '#libs/db/pool.ts';
import { createTestDatabase } from './database.ts';

t.test('given two databases, each is migrated and isolated from the other', async (t) => {
  const [one, two] = await Promise.all([createTestDatabase(t), createTestDatabase(t)]);
  await one.pool.query('create table private_notes (n int)');
  const seen = await two.pool.query(
    `select to_regclass('private_notes') as found, to_regclass('accounts') as accounts`,
  );
  t.match(seen.rows, [{ found: null, accounts: 'accounts' }]);
});

t.test('given a service login, it is that role and not a superuser', async (t) => {
  const database = await createTestDatabase(t);
  const pool = createPool({
    connectionString: database.serviceUrl('gateway'),
    max: 1,
    applicationName: 'gateway',
    statementTimeoutMs: 1_000,
  });
  t.teardown(() => pool.end());
  const { rows } = await pool.query(
    `select current_user as name, rolsuper as super from pg_roles where rolname = current_user`,
  );
  t.strictSame(rows, [{ name: 'inkmeter_gateway', super: false }]);
});

t.test('when the test ends, its database is gone', async (t) => {
  let name = '';
  await t.test('inner', async (t) => {
    const { url } = await createTestDatabase(t);
    name = new URL(url).pathname.slice(1);
  });
  const { pool } = await createTestDatabase(t);
  t.strictSame((await pool.query('select from pg_database where datname = $1', [name])).rowCount, 0);
});
