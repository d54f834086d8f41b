import t from 'tap';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
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

/** Room for one thing, and a table to keep it in. */
async function createThings(t: TestScope) {
  const { pool } = await createTestDatabase(t);
  await pool.query('CREATE TABLE things (name text PRIMARY KEY)');
  const ledger = createLedger({ pool });
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: new Date(),
    periodMonths: 1,
    segments: [testSegment({ meter: METER, window: 'total', n: 1n })],
  });
  const quotaResources = createQuotaResources({
    pool,
    ledger,
    entitlements: {
      get: async () => ({ plan: { key: 'test' } }) as Entitlements,
      suggestPlans: async () => undefined,
    },
    runtime: systemRuntime,
  });
  const claim = () => ({ holdId: systemRuntime.newId(), owner: OWNER, meter: METER });
  return {
    pool,
    ledger,
    quotaResources,
    claim,
    add: (name: string) =>
      quotaResources.allocate(claim(), (commit) =>
        commit(async (connection) => {
          await connection.query('INSERT INTO things VALUES ($1)', [name]);
          return name;
        }),
      ),
    async state() {
      const { rows: things } = await pool.query('SELECT name FROM things ORDER BY name');
      const { rows: counters } = await pool.query('SELECT used, held FROM ledger_counters');
      return { things: things.map(({ name }) => name), ...counters[0] };
    },
    breaches: () => findBreaches(pool),
  };
}

const NOTHING = { things: [], used: 0n, held: 0n };

t.test('what is made is counted, up to the limit', async (t) => {
  const things = await createThings(t);
  t.equal(await things.add('first'), 'first');
  await t.rejects(things.add('second'), {
    code: 'limit_exceeded',
    fields: { plan: 'test', limit: { meter: METER, used: '1', limit: '1' } },
  });
  t.strictSame(await things.state(), { things: ['first'], used: 1n, held: 0n });
});

t.test('what fails before it is made leaves the room free', async (t) => {
  const things = await createThings(t);
  const refusal = problem('conflict');
  await t.rejects(
    things.quotaResources.allocate(things.claim(), async () => Promise.reject(refusal)),
    refusal,
  );
  t.strictSame(await things.state(), NOTHING);
  await t.rejects(
    things.quotaResources.allocate(things.claim(), (commit) =>
      commit(async (connection) => {
        await connection.query(`INSERT INTO things VALUES ('half')`);
        throw refusal;
      }),
    ),
    refusal,
  );
  t.strictSame(await things.state(), NOTHING);
  t.equal(await things.add('first'), 'first');
});

t.test(
  'a process that dies between the hold and the commit leaves nothing but a hold that runs out',
  async (t) => {
    const things = await createThings(t);
    await t.rejects(
      things.quotaResources.allocate(things.claim(), (commit) =>
        commit(async (connection) => {
          await connection.query(`INSERT INTO things VALUES ('lost')`);
          const { rows } = await connection.query('SELECT pg_backend_pid() AS pid');
          connection.on('error', () => undefined);
          await things.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
          return connection.query('SELECT 1');
        }),
      ),
    );
    t.strictSame(await things.state(), NOTHING);
    t.strictSame(await things.breaches(), []);
  },
);

t.test('what took so long that its room was given away is not made', async (t) => {
  const things = await createThings(t);
  const later = createLedger({ pool: things.pool, now: () => new Date(Date.now() + 3_600_000) });
  await t.rejects(
    things.quotaResources.allocate(things.claim(), async (commit) => {
      t.equal((await later.expire(10)).length, 1);
      await things.add('quicker');
      return commit((connection) => connection.query(`INSERT INTO things VALUES ('slow')`));
    }),
    { code: 'metering_unavailable' },
  );
  t.strictSame(await things.state(), { things: ['quicker'], used: 1n, held: 0n });
  t.strictSame(await things.breaches(), []);
});

t.test('giving back and unmaking commit together', async (t) => {
  const things = await createThings(t);
  await things.add('first');
  const connection = await things.pool.connect();
  await connection.query('BEGIN');
  await connection.query('DELETE FROM things');
  await things.quotaResources.release(connection, { owner: OWNER, meter: METER });
  await connection.query('ROLLBACK');
  connection.release();
  t.strictSame(await things.state(), { things: ['first'], used: 1n, held: 0n });
  t.strictSame(await things.breaches(), []);
});

t.test('when the books cannot be reached, nothing is made', async (t) => {
  const things = await createThings(t);
  await things.pool.query('ALTER FUNCTION ledger_hold RENAME TO ledger_hold_away');
  await t.rejects(things.add('first'), { code: 'metering_unavailable' });
  await things.pool.query('ALTER FUNCTION ledger_hold_away RENAME TO ledger_hold');
  t.strictSame(await things.state(), NOTHING);
});
