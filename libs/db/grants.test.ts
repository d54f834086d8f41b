import { randomUUID } from 'node:crypto';
import pg from 'pg';
import t from 'tap';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { serviceRoles } from './roles.ts';

const SERVICES = Object.keys(serviceRoles) as ServiceName[];
const DENIED = { code: '42501' };

t.test('given a migrated database, seen by each service', async (t) => {
  const { pool, serviceUrl } = await createTestDatabase(t);
  const as = async (service: ServiceName) => {
    const client = new pg.Client({ connectionString: serviceUrl(service) });
    await client.connect();
    t.teardown(() => client.end());
    return client;
  };
  const clients = new Map<ServiceName, pg.Client>();
  for (const service of SERVICES) clients.set(service, await as(service));
  const query = (service: ServiceName, sql: string) => (clients.get(service) as pg.Client).query(sql);

  await t.test('then the ledger can be written only through its functions', async (t) => {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND relname ~ '^(ledger_|usage_|threshold_)'`,
    );
    t.ok(rows.length >= 8, `${rows.length} tables`);
    for (const { name } of rows) {
      for (const service of SERVICES) {
        await t.rejects(query(service, `DELETE FROM ${name}`), DENIED, `${service} deletes from ${name}`);
        await t.rejects(
          query(service, `INSERT INTO ${name} DEFAULT VALUES`),
          DENIED,
          `${service} adds to ${name}`,
        );
      }
    }
  });

  await t.test('then each runs the functions it needs, and only those', async (t) => {
    const account = randomUUID();
    const setLimits = `SELECT ledger_set_limits(NULL, 1::smallint, '${account}', now(), 1, '[]')`;
    await t.resolves(query('billing', setLimits));
    for (const service of SERVICES.filter((name) => name !== 'billing'))
      await t.rejects(query(service, setLimits), DENIED);
    // A service that settles in batches must find the accounts that delay a batch.
    const findLocked = `SELECT ledger_find_locked('{}', '{}')`;
    for (const service of ['gateway', 'generation', 'usage-metering'] as const)
      await t.resolves(query(service, findLocked));
    await t.rejects(query('billing', findLocked), DENIED);
    const expire = 'SELECT * FROM ledger_expire(NULL, 1)';
    await t.resolves(query('usage-metering', expire));
    for (const service of SERVICES.filter((name) => name !== 'usage-metering'))
      await t.rejects(query(service, expire), DENIED);
  });

  await t.test('then each changes its own tables, and reads of others what it must', async (t) => {
    await t.resolves(
      query('gateway', `INSERT INTO accounts (id, name, created_at) VALUES ('${randomUUID()}', 'a', now())`),
    );
    await t.resolves(query('billing', 'SELECT id FROM accounts'));
    await t.rejects(query('billing', 'DELETE FROM accounts'), DENIED);
    await t.rejects(query('generation', 'SELECT * FROM users'), DENIED);
    await t.rejects(query('usage-metering', 'SELECT * FROM users'), DENIED);
    await t.rejects(query('gateway', 'SELECT * FROM subscriptions'), DENIED);
    await t.rejects(query('usage-metering', `UPDATE subscriptions SET plan_key = 'enterprise'`), DENIED);
    await t.resolves(query('usage-metering', 'SELECT * FROM ledger_counters'));
  });

  await t.test('then no service can change the schema', async (t) => {
    for (const service of SERVICES) {
      await t.rejects(query(service, 'CREATE TABLE mine (id int)'), DENIED);
      await t.rejects(query(service, 'DROP TABLE accounts'), DENIED);
    }
  });
});
