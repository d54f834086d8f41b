import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { testHold, testSegment } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';
import { countingFacts, type Owner, recordWithin, settleWithin } from './quota-resources.ts';
import type { LimitSegment } from './types.ts';

const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const USER = '0190a1b2-0000-7000-8000-00000000b001';
const OWNER: Owner = { accountId: ACCOUNT, userId: null, keyId: null, workspaceId: null };
const METER = 'kb.files';
const DAY_MS = 86_400_000;

const settlement = (holdId: string) => ({
  holdId,
  accountId: ACCOUNT,
  callIndex: 0,
  meters: { [METER]: 1n },
  facts: countingFacts(METER, 'create'),
  close: true,
});

/** @param segments null for an account without balances. */
async function createFixture(t: TestScope, segments: LimitSegment[] | null) {
  const { pool } = await createTestDatabase(t);
  const { clock, newId } = createFakeRuntime({ start: '2026-11-16T12:00:00Z' });
  const ledger = createLedger({ pool, now: clock.now });
  const setLimits = (next: LimitSegment[]) =>
    ledger.setLimits({ accountId: ACCOUNT, anchor: new Date('2026-01-31'), periodMonths: 1, segments: next });
  if (segments !== null) await setLimits(segments);
  return {
    pool,
    clock,
    newId,
    setLimits,
    record: (amount: bigint, more: { under?: string; owner?: Owner } = {}) =>
      recordWithin({ $client: pool }, clock.now(), {
        id: newId(),
        owner: OWNER,
        meter: METER,
        amount,
        step: 'test',
        ...more,
      }),
    hold: async (id = newId(), userId: string | null = null) =>
      (await ledger.hold(testHold(ACCOUNT, id, { [METER]: 1n }, { userId }))).verdict,
    settle: (holdId: string) => settleWithin({ $client: pool }, clock.now(), settlement(holdId)),
    /** Of the account's current windows, by their kind. */
    async used() {
      const { rows } = await pool.query<{ win: string; used: bigint }>(
        `SELECT win, used FROM ledger_counters WHERE scope = 'account' AND window_end > $1`,
        [clock.now()],
      );
      return Object.fromEntries(rows.map((row) => [row.win, row.used]));
    },
    breaches: () => findBreaches(pool),
  };
}

t.test('given a full limit, when one is released, then one can be allocated', async (t) => {
  const ledger = await createFixture(t, [testSegment({ meter: METER, window: 'total', n: 2n })]);
  for (const _ of [1, 2]) {
    const id = ledger.newId();
    t.equal(await ledger.hold(id), 'ok');
    t.match(await ledger.settle(id), { outcome: 'settled', late: false, overrun: false });
  }
  t.equal(await ledger.hold(), 'limit_exceeded');
  await ledger.record(-1n);
  t.strictSame(await ledger.used(), { total: 1n });
  t.equal(await ledger.hold(), 'ok');
  t.equal(await ledger.hold(), 'limit_held');
  t.strictSame(await ledger.breaches(), []);

  const { rows } = await ledger.pool.query('SELECT provider, model, cost_nano_usd, late FROM usage_events');
  t.equal(rows.length, 3);
  for (const row of rows) {
    t.match(row, { provider: 'inkmeter', model: METER, cost_nano_usd: 0n, late: false });
  }
});

t.test('given no ledger yet, what is recorded counts once they are opened', async (t) => {
  const ledger = await createFixture(t, null);
  t.equal(await ledger.hold(), 'unknown_account', 'and recording does not open them');
  await ledger.record(1n);
  t.equal(await ledger.hold(), 'unknown_account');
  await ledger.setLimits([testSegment({ meter: METER, window: 'total', n: 2n })]);
  t.strictSame(await ledger.used(), { total: 1n });
  t.equal(await ledger.hold(), 'ok');
  t.equal(await ledger.hold(), 'limit_held');
  t.strictSame(await ledger.breaches(), []);
});

t.test('given a limit that is added later, it counts earlier releases', async (t) => {
  const ledger = await createFixture(t, []);
  for (const amount of [1n, 1n, 1n, -1n]) await ledger.record(amount);
  await ledger.setLimits([testSegment({ meter: METER, window: 'total', n: 2n })]);
  t.strictSame(await ledger.used(), { total: 2n });
  t.equal(await ledger.hold(), 'limit_exceeded');
  await ledger.setLimits([]);
  await ledger.record(-1n);
  await ledger.setLimits([testSegment({ meter: METER, window: 'total', n: 2n })]);
  t.strictSame(await ledger.used(), { total: 1n }, 'and releases from before the limit');
  t.strictSame(await ledger.breaches(), []);
});

t.test(
  'given a decision of an earlier day, what it counted is taken back there and not from today',
  async (t) => {
    const ledger = await createFixture(t, [
      testSegment({ meter: METER, window: 'day', n: 5n }),
      testSegment({ meter: METER, window: 'week', n: 9n }),
      testSegment({ meter: METER, window: 'total', n: 9n }),
    ]);
    const monday = ledger.newId();
    await ledger.hold(monday);
    await ledger.settle(monday);
    ledger.clock.advance(DAY_MS);
    const tuesday = ledger.newId();
    await ledger.hold(tuesday);
    await ledger.settle(tuesday);
    const daily = async () => {
      const { rows } = await ledger.pool.query<{ used: bigint }>(
        `SELECT used FROM ledger_counters WHERE win = 'day' ORDER BY window_start`,
      );
      return rows.map(({ used }) => used);
    };
    t.strictSame(await daily(), [1n, 1n]);
    await ledger.record(-1n, { under: monday });
    t.strictSame(await daily(), [0n, 1n]);
    t.match(await ledger.used(), { week: 1n, total: 1n });
    await ledger.record(-1n, { under: tuesday });
    t.strictSame(await daily(), [0n, 0n]);
    t.match(await ledger.used(), { week: 0n, total: 0n });
    t.strictSame(await ledger.breaches(), []);
  },
);

t.test('given limits for each user, a release counts for its user', async (t) => {
  const ledger = await createFixture(t, [
    testSegment({ meter: METER, window: 'total', n: 9n }),
    testSegment({ meter: METER, window: 'total', scope: 'user', scopeId: '*', n: 1n }),
  ]);
  const own = { ...OWNER, userId: USER };
  const id = ledger.newId();
  t.equal(await ledger.hold(id, USER), 'ok');
  await ledger.settle(id);
  t.equal(await ledger.hold(ledger.newId(), USER), 'limit_exceeded');
  await ledger.record(-1n);
  t.equal(
    await ledger.hold(ledger.newId(), USER),
    'limit_exceeded',
    'a release without a user does not count for them',
  );
  await ledger.record(-1n, { owner: own });
  t.equal(await ledger.hold(ledger.newId(), USER), 'ok');
  t.strictSame(await ledger.breaches(), []);
});

t.test('given a recorded amount, each threshold that it reaches is one event', async (t) => {
  const ledger = await createFixture(t, [
    testSegment({ meter: METER, window: 'total', n: 10n }),
    testSegment({ meter: METER, window: 'day', n: 100n }),
    testSegment({ meter: 'images', window: 'total', n: 1n }),
  ]);
  const events = async () => {
    const { rows } = await ledger.pool.query<{ threshold_bps: number; used: bigint }>(
      'SELECT threshold_bps, used FROM threshold_events ORDER BY occurred_at, used',
    );
    return rows.map(({ threshold_bps, used }) => [threshold_bps, used]);
  };
  await ledger.record(7n);
  t.strictSame(await events(), []);
  await ledger.record(1n);
  t.strictSame(await events(), [[8_000, 8n]]);
  await ledger.record(-1n);
  await ledger.record(1n);
  t.strictSame(await events(), [[8_000, 8n]], 'a line that is reached again is none');
  await ledger.record(3n);
  const jumped = [
    [8_000, 8n],
    [10_000, 11n],
  ];
  t.strictSame(await events(), jumped, 'of several only the highest');
  await ledger.record(-9n);
  const id = ledger.newId();
  t.equal(await ledger.hold(id), 'ok');
  await ledger.settle(id);
  t.strictSame(await events(), jumped, 'and no settlement emits them again');
  t.strictSame(await ledger.breaches(), []);
});

t.test('given room for one, using it is an event, but no alert', async (t) => {
  const ledger = await createFixture(t, [testSegment({ meter: METER, window: 'total', n: 1n })]);
  await ledger.record(1n);
  const { rows } = await ledger.pool.query(
    'SELECT (SELECT count(*)::int FROM outbox_events) AS events, (SELECT count(*)::int FROM alerts) AS alerts',
  );
  t.strictSame(rows, [{ events: 1, alerts: 0 }]);
});

t.test('given a transaction that fails, nothing is booked', async (t) => {
  const ledger = await createFixture(t, [testSegment({ meter: METER, window: 'total', n: 2n })]);
  const id = ledger.newId();
  await ledger.hold(id);
  await t.rejects(
    transaction(createDatabase(ledger.pool), async (tx) => {
      await settleWithin(tx, ledger.clock.now(), settlement(id));
      await recordWithin(tx, ledger.clock.now(), {
        id: ledger.newId(),
        owner: OWNER,
        meter: METER,
        amount: -1n,
        step: 'test',
      });
      throw new Error('of the things');
    }),
    { message: 'of the things' },
  );
  t.strictSame(await ledger.used(), { total: 0n });
  t.strictSame(await ledger.breaches(), []);
  t.match(await ledger.settle(id), { outcome: 'settled' }, 'and the hold is as it was');
});

t.test('given a user whose window has not been opened', async (t) => {
  const { hold, settle, record, newId, clock, breaches } = await createFixture(t, [
    testSegment({ meter: METER, n: 5n, window: 'day', scope: 'user', scopeId: '*' }),
    testSegment({ meter: METER, n: 100n, window: 'day' }),
  ]);
  const use = async () => {
    const id = newId();
    t.equal(await hold(id, USER), 'ok');
    t.equal((await settle(id)).outcome, 'settled');
  };
  await use();
  clock.advance(DAY_MS);
  await record(3n, { owner: { ...OWNER, userId: USER } });
  await use();
  t.strictSame(await breaches(), [], 'the record counts in the window that opens');
  t.equal(await hold(newId(), USER), 'ok');
  t.not(await hold(newId(), USER), 'ok', 'the recorded three, one used and one held are all of five');
});
