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

  await t.test('then ledger transactions write what they must, and change no recorded fact', async (t) => {
    const writes = {
      ledger_balances: 'UPDATE held, used',
      ledger_decisions: 'INSERT',
      ledger_ended_holds: 'INSERT',
      ledger_open_holds: 'DELETE, INSERT, UPDATE expires_at, UPDATE remaining, UPDATE settled_calls',
      ledger_windows: 'UPDATE held, used',
      threshold_events: 'INSERT',
      usage_daily_changes: 'INSERT',
      usage_events: 'INSERT',
    };
    const ledgerTable = `n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname ~ '^(ledger_|usage_|threshold_)'`;
    for (const service of SERVICES) {
      const { rows } = await pool.query<{ name: string; rights: string }>(
        `SELECT g.name, string_agg(g.right, ', ' ORDER BY g.right COLLATE "C") AS rights
           FROM (SELECT c.relname AS name, a.privilege_type AS right
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
                  WHERE ${ledgerTable} AND a.grantee = $1::regrole AND a.privilege_type <> 'SELECT'
                 UNION ALL
                 SELECT c.relname, a.privilege_type || ' ' || t.attname
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
                  WHERE ${ledgerTable} AND a.grantee = $1::regrole) g
          GROUP BY g.name ORDER BY g.name COLLATE "C"`,
        [serviceRoles[service]],
      );
      const rights = Object.fromEntries(
        rows.map((row) => [row.name, row.rights.replace('held, UPDATE used', 'held, used')]),
      );
      t.strictSame(rights, service === 'billing' ? {} : writes, service);
      for (const table of ['usage_events', 'ledger_decisions', 'ledger_limits', 'usage_daily_totals'])
        await t.rejects(query(service, `DELETE FROM ${table}`), DENIED, `${service} deletes from ${table}`);
      await t.rejects(query(service, 'UPDATE usage_events SET cost_nano_usd = 0'), DENIED);
      await t.rejects(query(service, `UPDATE ledger_decisions SET verdict = 'ok'`), DENIED);
      await t.rejects(query(service, 'UPDATE ledger_windows SET amount = NULL'), DENIED);
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
    const total = 'SELECT ledger_total_daily()';
    await t.resolves(query('usage-metering', total));
    for (const service of SERVICES.filter((name) => name !== 'usage-metering'))
      await t.rejects(query(service, total), DENIED);
  });

  await t.test('then each changes its own tables, and reads of others what it must', async (t) => {
    await t.resolves(
      query('gateway', `INSERT INTO accounts (id, name, created_at) VALUES ('${randomUUID()}', 'a', now())`),
    );
    await t.resolves(query('billing', 'SELECT id FROM accounts'));
    await t.resolves(query('billing', 'SELECT id, email, email_normalised FROM users'));
    for (const secret of ['password_hash', '*']) {
      await t.rejects(query('billing', `SELECT ${secret} FROM users`), DENIED, secret);
    }
    for (const service of SERVICES.filter((name) => name !== 'gateway')) {
      for (const [column, table] of [
        ['password_hash', 'users'],
        ['token_hash', 'refresh_tokens'],
        ['token_hash', 'email_tokens'],
        ['token_hash', 'invitations'],
        ['secret_hash', 'api_keys'],
      ]) {
        await t.rejects(query(service, `SELECT ${column} FROM ${table}`), DENIED, `${service} ${column}`);
      }
    }
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
