import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type AuditEntry, CLI_ACTOR, SYSTEM_ACTOR } from '#libs/contracts/audit-entry.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { recordAudit } from './record-audit.ts';

const SERVICES = Object.keys(serviceRoles) as ServiceName[];
const DENIED = { code: '42501' };

const entryOf = (entry: Partial<AuditEntry> = {}): AuditEntry => ({
  id: randomUUID(),
  at: new Date('2026-11-20T12:00:00Z'),
  by: SYSTEM_ACTOR,
  action: 'stop.created',
  subject: 'stop:global',
  accountId: null,
  before: null,
  after: { kind: 'global' },
  reason: 'wrong prices',
  ...entry,
});

t.test('given a database connection of each service', async (t) => {
  const { pool, serviceUrl } = await createTestDatabase(t);
  const databaseOf = (service: ServiceName) => {
    const servicePool = createPool({
      connectionString: serviceUrl(service),
      max: 1,
      applicationName: `test-${service}`,
      statementTimeoutMs: 30_000,
    });
    t.teardown(() => servicePool.end());
    return createDatabase(servicePool);
  };
  const databases = SERVICES.map((service) => ({ service, database: databaseOf(service) }));
  const readEntry = async (id: string) =>
    (
      await pool.query(
        'SELECT actor, action, subject, after, reason, request_id FROM audit_log WHERE id = $1',
        [id],
      )
    ).rows[0];

  await t.test('then every service records an action in its transaction', async (t) => {
    for (const { service, database } of databases) {
      const entry = entryOf({ by: CLI_ACTOR });
      await transaction(database, (tx) => recordAudit(tx, entry));
      t.same(
        await readEntry(entry.id),
        {
          actor: 'cli',
          action: 'stop.created',
          subject: 'stop:global',
          after: { kind: 'global' },
          reason: 'wrong prices',
          request_id: null,
        },
        service,
      );
    }
  });

  await t.test('then an entry of a transaction that fails is not recorded', async (t) => {
    for (const { service, database } of databases) {
      const entry = entryOf();
      const failed = transaction(database, async (tx) => {
        await recordAudit(tx, entry);
        throw new Error('the action failed');
      });
      await t.rejects(failed, { message: 'the action failed' });
      t.equal(await readEntry(entry.id), undefined, service);
    }
  });

  await t.test('then no service changes or deletes entries, and only billing reads them', async (t) => {
    for (const { service, database } of databases) {
      const { $client } = database;
      await t.rejects($client.query(`UPDATE audit_log SET actor = 'x'`), DENIED, service);
      await t.rejects($client.query('DELETE FROM audit_log'), DENIED, service);
      await t.rejects($client.query('TRUNCATE audit_log'), DENIED, service);
      if (service === 'billing') await t.resolves($client.query('SELECT id FROM audit_log'));
      else await t.rejects($client.query('SELECT id FROM audit_log'), DENIED, service);
    }
  });
});
