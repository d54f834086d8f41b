import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';

t.test('given limits that change while calls run', async (t) => {
  const { pool } = await createTestDatabase(t);
  const clock = createFakeClock('2026-11-20T12:00:00Z');
  const { ledger, open, setLimits, usageOf, events } = createTestLedger(pool, clock);

  async function use(account: string, cost: bigint, held = 0n) {
    const ids = [randomUUID(), randomUUID()] as const;
    await ledger.hold(testHold(account, ids[0], { cost }));
    await ledger.settle(testSettle(account, ids[0], { cost }));
    if (held > 0n) await ledger.hold(testHold(account, ids[1], { cost: held }, { ttlMs: 86_400_000 }));
    return ids[1];
  }
  const ask = async (account: string, cost: bigint) =>
    (await ledger.hold(testHold(account, randomUUID(), { cost }, { keepRefusal: false, ttlMs: 86_400_000 })))
      .verdict;

  t.test('raising makes room at once, in the same window', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    await use(account, 94n);
    t.equal(await ask(account, 7n), 'limit_exceeded');
    await setLimits(account, [testSegment({ meter: 'cost', n: 200n })]);
    t.strictSame(await usageOf(account), { 'cost/month': [94n, 0n] });
    t.equal(await ask(account, 106n), 'ok');
    t.strictSame(await events(account), [['cost', 9000, 'notice', 94n]]);
  });

  t.test('lowering below what is used refuses everything, and takes nothing back', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    const running = await use(account, 300n, 200n);
    await setLimits(account, [testSegment({ meter: 'cost', n: 250n })]);
    t.equal(await ask(account, 1n), 'limit_exceeded');
    t.match(await ledger.settle(testSettle(account, running, { cost: 150n })), {
      outcome: 'settled',
      overrun: false,
      state: 'exhausted',
    });
    t.strictSame(await usageOf(account), { 'cost/month': [450n, 0n] });
  });

  t.test('a limit that is taken away goes on counting, and is itself again when it returns', async (t) => {
    const limit = testSegment({ meter: 'cost', n: 100n });
    const account = await open([limit]);
    await use(account, 60n, 30n);
    await setLimits(account, []);
    t.equal(await ask(account, 10n ** 6n), 'ok', 'nothing limits it');
    await setLimits(account, [limit]);
    t.strictSame(await usageOf(account), { 'cost/month': [60n, 30n + 10n ** 6n] });
    t.equal(await ask(account, 1n), 'limit_held');
  });

  t.test('a new limit begins with what its window has seen', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    await use(account, 70n, 20n);
    clock.set('2026-11-21T12:00:00Z');
    await use(account, 5n, 3n);
    await setLimits(account, [
      testSegment({ meter: 'cost', n: 1_000n }),
      testSegment({ meter: 'cost', n: 100n, window: 'day' }),
      testSegment({ meter: 'cost', n: 100n, window: 'week' }),
      testSegment({ meter: 'cost', n: 100n, window: 'total' }),
    ]);
    t.strictSame(await usageOf(account), {
      'cost/month': [75n, 23n],
      'cost/day': [5n, 3n],
      'cost/week': [75n, 23n],
      'cost/total': [75n, 23n],
    });
    clock.set('2026-11-20T12:00:00Z');
  });

  t.test('periods that move end where they stand, and the new ones look back', async (t) => {
    const account = randomUUID();
    const limit = [testSegment({ meter: 'cost', n: 100n, window: 'period' })];
    await setLimits(account, limit, '2026-10-31T00:00:00Z');
    clock.set('2026-11-05T00:00:00Z');
    await use(account, 10n);
    clock.set('2026-11-20T12:00:00Z');
    const running = await use(account, 20n, 15n);
    await setLimits(account, limit, '2026-11-15T00:00:00Z');
    t.strictSame(await usageOf(account), { 'cost/period': [20n, 15n] }, 'the 5th is before the new period');
    await ledger.settle(testSettle(account, running, { cost: 12n }));
    t.strictSame(await usageOf(account), { 'cost/period': [32n, 0n] });
    const { rows } = await pool.query(
      'SELECT window_end > $2 AS current, used, held FROM ledger_counters WHERE account_id = $1 ORDER BY id',
      [account, clock.now()],
    );
    t.match(rows, [
      { used: 42n, held: 0n },
      { current: true, used: 32n, held: 0n },
    ]);
  });

  t.test('an override that ends leaves running calls alone, and the limit beneath in force', async (t) => {
    const until = new Date('2026-11-20T18:00:00Z');
    const account = await open([
      testSegment({ meter: 'cost', n: 500n, validUntil: until, source: 'override:1' }),
      testSegment({ meter: 'cost', n: 100n, validFrom: until, source: 'plan:pro' }),
    ]);
    const running = await use(account, 50n, 300n);
    clock.set(until);
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 1n })), {
      verdict: 'limit_held',
      limit: { amount: 100n, used: 50n, held: 300n, source: 'plan:pro' },
    });
    t.match(await ledger.settle(testSettle(account, running, { cost: 30n })), {
      outcome: 'settled',
      state: 'warning',
      limit: { amount: 100n, used: 80n, held: 0n },
    });
    t.equal(await ask(account, 20n), 'ok');
    clock.set('2026-11-20T12:00:00Z');
  });

  t.test('a call counts where it was admitted, whenever it ends', async (t) => {
    clock.set('2026-11-30T23:59:00Z');
    const account = await open([
      testSegment({ meter: 'cost', n: 100n }),
      testSegment({ meter: 'cost', n: 50n, window: 'day' }),
    ]);
    const [settled, closed, cut, late] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    for (const id of [settled, closed, cut, late]) await ledger.hold(testHold(account, id, { cost: 10n }));
    clock.set('2026-12-01T00:00:00Z');
    t.equal(await ask(account, 50n), 'ok', 'a new day and a new month');
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 50n], 'cost/day': [0n, 50n] });
    const answer = await ledger.settle(testSettle(account, settled, { cost: 9n }));
    t.match(answer, {
      outcome: 'settled',
      late: false,
      limit: { window: 'day', used: 9n, held: 30n, resetsAt: new Date('2026-12-01T00:00:00Z') },
    });
    await ledger.close({ holdId: closed, accountId: account });
    clock.set('2026-12-01T00:01:00Z');
    t.strictSame(
      (await ledger.expire(1_000))
        .filter(({ accountId }) => accountId === account)
        .map(({ id }) => id)
        .sort(),
      [cut, late].sort(),
    );
    t.match(await ledger.settle(testSettle(account, late, { cost: 4n })), { late: true });
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 50n], 'cost/day': [0n, 50n] });
    const { rows } = await pool.query(
      'SELECT win, used, held FROM ledger_counters WHERE account_id = $1 AND window_end <= $2 ORDER BY win',
      [account, clock.now()],
    );
    t.strictSame(rows, [
      { win: 'day', used: 13n, held: 0n },
      { win: 'month', used: 13n, held: 0n },
    ]);
  });

  t.test('a line of a window that has passed is crossed there', async (t) => {
    clock.set('2026-12-05T23:59:59Z');
    const account = await open([testSegment({ meter: 'cost', n: 100n, window: 'day' })]);
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 85n }));
    clock.set('2026-12-06T00:00:01Z');
    t.match(await ledger.settle(testSettle(account, id, { cost: 85n })), { state: 'warning' });
    t.strictSame(await events(account), [['cost', 8000, 'warning', 85n]]);
    t.equal(await ask(account, 90n), 'ok');
  });

  t.test('an account that slept for months wakes in its current windows', async (t) => {
    clock.set('2027-01-31T10:00:00Z');
    const account = await open([
      testSegment({ meter: 'cost', n: 100n, window: 'period' }),
      testSegment({ meter: 'cost', n: 80n, window: 'total' }),
    ]);
    await use(account, 70n);
    clock.set('2027-08-15T10:00:00Z');
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 10n })), {
      verdict: 'ok',
      limit: { window: 'total', used: 70n },
    });
    t.strictSame(await usageOf(account), { 'cost/total': [70n, 10n], 'cost/period': [0n, 10n] });
  });

  t.test('and all balances add up', async (t) => {
    t.strictSame(await findBreaches(pool), []);
  });
});

t.test('given thresholds', async (t) => {
  const { pool } = await createTestDatabase(t);
  const clock = createFakeClock('2026-11-20T12:00:00Z');
  const { ledger, open, setLimits, events } = createTestLedger(pool, clock);
  async function use(account: string, cost: bigint) {
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 1n }));
    return ledger.settle(testSettle(account, id, { cost }));
  }

  t.test('each line is crossed once, by the call that reaches it', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    for (const cost of [79n, 1n, 5n, 5n, 4n]) await use(account, cost);
    t.strictSame(await events(account), [
      ['cost', 8000, 'warning', 80n],
      ['cost', 9000, 'notice', 90n],
    ]);
  });

  t.test('a jump over several lines is one event, of the highest', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    await use(account, 97n);
    t.strictSame(await events(account), [['cost', 9500, 'blocked', 97n]]);
    const whole = await open([testSegment({ meter: 'cost', n: 100n })]);
    await use(whole, 150n);
    t.strictSame(await events(whole), [['cost', 10_000, 'exhausted', 150n]]);
  });

  t.test('calls of one batch cross lines one after the other', async (t) => {
    const account = await open([testSegment({ meter: 'images', n: 100n })]);
    const ids = Array.from({ length: 100 }, randomUUID);
    await Promise.all(ids.map((id) => ledger.hold(testHold(account, id, { images: 1n }))));
    await Promise.all(ids.map((id) => ledger.settle(testSettle(account, id, { images: 1n }))));
    t.strictSame(await events(account), [
      ['images', 8000, 'warning', 80n],
      ['images', 9000, 'notice', 90n],
      ['images', 9500, 'blocked', 95n],
      ['images', 10_000, 'exhausted', 100n],
    ]);
  });

  t.test(
    'a threshold is reached once for each amount of the limit, and again in the next window',
    async (t) => {
      const account = await open([testSegment({ meter: 'cost', n: 100n, window: 'day' })]);
      await use(account, 85n);
      await setLimits(account, [testSegment({ meter: 'cost', n: 200n, window: 'day' })]);
      await use(account, 80n);
      t.strictSame(
        await events(account),
        [
          ['cost', 8000, 'warning', 85n],
          ['cost', 8000, 'warning', 165n],
        ],
        'the raised limit has thresholds of its own',
      );
      await setLimits(account, [testSegment({ meter: 'cost', n: 200n, window: 'day' })]);
      await use(account, 20n);
      clock.set('2026-11-21T00:00:00Z');
      await use(account, 160n);
      t.strictSame((await events(account)).slice(2), [
        ['cost', 9000, 'notice', 185n],
        ['cost', 8000, 'warning', 160n],
      ]);
    },
  );

  t.test('a limit that is lowered reaches its highest threshold at once, and only once', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    await use(account, 700n);
    await setLimits(account, [testSegment({ meter: 'cost', n: 800n })]);
    t.strictSame(await events(account), [['cost', 8000, 'warning', 700n]]);
    await use(account, 10n);
    await setLimits(account, [testSegment({ meter: 'cost', n: 600n })]);
    await setLimits(account, [testSegment({ meter: 'cost', n: 600n })]);
    t.strictSame((await events(account)).slice(1), [['cost', 10_000, 'exhausted', 710n]]);
  });

  t.test('an override that ends leaves its limit above a threshold', async (t) => {
    clock.set('2026-11-22T12:00:00Z');
    const until = new Date('2026-11-22T18:00:00Z');
    const account = await open([
      testSegment({ meter: 'cost', n: 500n, validUntil: until }),
      testSegment({ meter: 'cost', n: 100n, validFrom: until }),
    ]);
    await use(account, 92n);
    t.strictSame(await events(account), []);
    clock.set(until);
    await ledger.hold(testHold(account, randomUUID(), { cost: 1n }));
    t.strictSame(await events(account), [['cost', 9000, 'notice', 92n]]);
  });

  t.test('a new limit that its earlier usage has reached', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    await use(account, 100n);
    await setLimits(account, [testSegment({ meter: 'cost', n: 100n, window: 'week' })]);
    t.strictSame(await events(account), [['cost', 10_000, 'exhausted', 100n]]);
  });

  t.test('work is refused exactly at the block threshold, not below', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    await use(account, 949n);
    await use(account, 1n);
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 1n })), { verdict: 'limit_blocked' });
    const other = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    await use(other, 949n);
    t.match(await ledger.hold(testHold(other, randomUUID(), { cost: 1n })), { verdict: 'ok' });
  });

  t.test('own lines, and none where nothing is limited', async (t) => {
    const account = await open([
      testSegment({ meter: 'cost', n: 100n, thresholdBps: [5000, 6000, 7000, 10_000] }),
      testSegment({ meter: 'cost', window: 'day' }),
    ]);
    t.match(await use(account, 55n), { state: 'warning' });
    t.match(await use(account, 20n), { state: 'blocked' });
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 1n })), { verdict: 'limit_blocked' });
    t.strictSame(await events(account), [
      ['cost', 5000, 'warning', 55n],
      ['cost', 7000, 'blocked', 75n],
    ]);
  });
});
