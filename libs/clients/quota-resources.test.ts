import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createQuotaResources } from './quota-resources.ts';

const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const METER = 'kb.files';
const OWNER = { accountId: ACCOUNT, userId: null, keyId: null, workspaceId: null };

/** An account that may have one file, and a table for its files. */
async function createFiles(t: TestScope) {
  const { pool } = await createTestDatabase(t);
  await pool.query('CREATE TABLE files (name text PRIMARY KEY)');
  const db = createDatabase(pool);
  const ledger = createLedger({ pool });
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: new Date(),
    periodMonths: 1,
    segments: [testSegment({ meter: METER, window: 'total', n: 1n })],
  });
  const quotaResources = createQuotaResources({
    ledger,
    entitlements: {
      get: async () => testEntitlements(),
      suggestPlans: async () => undefined,
    },
    runtime: systemRuntime,
  });
  const allocate = () =>
    quotaResources.allocate({ holdId: systemRuntime.newId(), owner: OWNER, meter: METER });
  return {
    pool,
    db,
    ledger,
    quotaResources,
    allocate,
    async add(name: string) {
      await using allocation = await allocate();
      await transaction(db, async (tx) => {
        await tx.$client.query('INSERT INTO files VALUES ($1)', [name]);
        await allocation.settle(tx);
      });
      return name;
    },
    async state() {
      const { rows: files } = await pool.query('SELECT name FROM files ORDER BY name');
      const { rows: counters } = await pool.query('SELECT used, held FROM ledger_counters');
      return { files: files.map(({ name }) => name), ...counters[0] };
    },
    breaches: () => findBreaches(pool),
  };
}

const NOTHING = { files: [], used: 0n, held: 0n };

t.test('resources are counted up to the limit', async (t) => {
  const files = await createFiles(t);
  t.equal(await files.add('first'), 'first');
  await t.rejects(files.add('second'), {
    code: 'limit_exceeded',
    fields: { plan: 'test', limit: { meter: METER, used: '1', amount: { kind: 'limited', value: '1' } } },
  });
  t.strictSame(await files.state(), { files: ['first'], used: 1n, held: 0n });
});

t.test('concurrent requests for the last one allocate it once', async (t) => {
  const files = await createFiles(t);
  const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map(files.add));
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  const { files: names, used, held } = await files.state();
  t.strictSame({ count: names.length, used, held }, { count: 1, used: 1n, held: 0n });
  t.strictSame(await files.breaches(), []);
});

t.test('a scope that fails before it settles frees the room', async (t) => {
  const files = await createFiles(t);
  const refusal = problem('conflict');
  await t.rejects(async () => {
    await using _allocation = await files.allocate();
    throw refusal;
  }, refusal);
  t.strictSame(await files.state(), NOTHING);
  await t.rejects(async () => {
    await using _allocation = await files.allocate();
    await transaction(files.db, async (tx) => {
      await tx.$client.query(`INSERT INTO files VALUES ('half')`);
      throw refusal;
    });
  }, refusal);
  t.strictSame(await files.state(), NOTHING);
  t.equal(await files.add('first'), 'first');
});

t.test('a connection that breaks in the transaction inserts and counts nothing', async (t) => {
  const files = await createFiles(t);
  await t.rejects(async () => {
    await using allocation = await files.allocate();
    await transaction(files.db, async (tx) => {
      await tx.$client.query(`INSERT INTO files VALUES ('lost')`);
      const { rows } = await tx.$client.query('SELECT pg_backend_pid() AS pid');
      tx.$client.on('error', () => undefined);
      await files.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await allocation.settle(tx);
    });
  });
  t.strictSame(await files.state(), NOTHING);
  t.strictSame(await files.breaches(), []);
});

t.test('an allocation that outlived its hold is refused', async (t) => {
  const files = await createFiles(t);
  const later = createLedger({ pool: files.pool, now: () => new Date(Date.now() + 3_600_000) });
  await t.rejects(
    async () => {
      await using allocation = await files.allocate();
      t.equal((await later.expire(10)).length, 1);
      await files.add('quicker');
      await transaction(files.db, async (tx) => {
        await tx.$client.query(`INSERT INTO files VALUES ('slow')`);
        await allocation.settle(tx);
      });
    },
    { code: 'metering_unavailable' },
  );
  t.strictSame(await files.state(), { files: ['quicker'], used: 1n, held: 0n });
  t.strictSame(await files.breaches(), []);
});

t.test('deleting a resource and releasing it commit together', async (t) => {
  const files = await createFiles(t);
  await files.add('first');
  const cancelled = new Error('cancelled');
  const remove = (outcome: () => void) =>
    transaction(files.db, async (tx) => {
      await tx.$client.query('DELETE FROM files');
      await files.quotaResources.release(tx, { owner: OWNER, meter: METER });
      outcome();
    });
  await t.rejects(
    remove(() => {
      throw cancelled;
    }),
    cancelled,
  );
  t.strictSame(await files.state(), { files: ['first'], used: 1n, held: 0n });
  await remove(() => undefined);
  t.strictSame(await files.state(), NOTHING);
  t.strictSame(await files.breaches(), []);
});

t.test('nothing is allocated while the ledger cannot be reached', async (t) => {
  const files = await createFiles(t);
  await files.pool.query('ALTER FUNCTION ledger_read_stops RENAME TO ledger_read_stops_away');
  await t.rejects(files.add('first'), { code: 'metering_unavailable' });
  await files.pool.query('ALTER FUNCTION ledger_read_stops_away RENAME TO ledger_read_stops');
  t.strictSame(await files.state(), NOTHING);
});
