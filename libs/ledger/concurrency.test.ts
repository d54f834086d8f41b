/** Several replicas, each with connections of its own, against one database. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import t from 'tap';
import { createPool } from '#libs/db/pool.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger, type Ledger } from './ledger.ts';

async function startReplicas(t: TestScope, count: number, maxBatch: number) {
  const database = await createTestDatabase(t);
  const pools: Pool[] = Array.from({ length: count }, (_, index) =>
    createPool({
      connectionString: database.url,
      max: 6,
      applicationName: `replica-${index}`,
      statementTimeoutMs: 30_000,
    }),
  );
  t.teardown(() => Promise.all(pools.map((pool) => pool.end())));
  const replicas = pools.map((pool) => createLedger({ pool, maxBatch }));
  // Replicas decide by the database's clock, as in production.
  const helpers = createTestLedger(database.pool, { now: () => new Date() });
  return { database, replicas, any: (turn: number) => replicas[turn % count] as Ledger, ...helpers };
}

/** Operations of the mixed test. Set LEDGER_TURNS for a long run. */
const TURNS = Number(process.env.LEDGER_TURNS ?? 4_000);

const countOf = (verdicts: readonly { verdict: string }[], verdict: string) =>
  verdicts.filter((answer) => answer.verdict === verdict).length;

t.test('1000 holds at once, on four replicas, against a limit worth exactly 50', async (t) => {
  const { any, open, usageOf, database } = await startReplicas(t, 4, 64);
  const account = await open([
    testSegment({ meter: 'cost', n: 50n * 7n }),
    testSegment({ meter: 'calls.openai', n: 10_000n }),
  ]);
  const requests = Array.from({ length: 1_000 }, () =>
    testHold(account, randomUUID(), { cost: 7n, 'calls.openai': 1n }),
  );
  const answers = await Promise.all(requests.map((request, turn) => any(turn).hold(request)));
  t.equal(countOf(answers, 'ok'), 50);
  t.equal(countOf(answers, 'limit_held'), 950);
  t.strictSame(await usageOf(account), { 'cost/month': [0n, 350n], 'calls.openai/month': [0n, 50n] });

  const admitted = requests.filter((_, index) => answers[index]?.verdict === 'ok');
  await Promise.all(
    admitted.map((request, turn) =>
      any(turn + 1).settle(testSettle(account, request.id, { cost: 7n, 'calls.openai': 1n })),
    ),
  );
  t.strictSame(await usageOf(account), { 'cost/month': [350n, 0n], 'calls.openai/month': [50n, 0n] });
  t.strictSame(await findBreaches(database.pool), []);
});

t.test('100 accounts interleaved, five meters, another of them binding for each account', async (t) => {
  const { any, open, usageOf, database } = await startReplicas(t, 3, 128);
  const meters = ['cost', 'tokens.total', 'calls.openai', 'images', 'api.requests'];
  const worth = (index: number) => 1 + (index % 7);
  const accounts = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      open(
        meters.map((meter, m) =>
          testSegment({ meter, window: 'day', n: m === index % 5 ? BigInt(worth(index)) * 11n : 10n ** 9n }),
        ),
      ),
    ),
  );
  const asked = Object.fromEntries(meters.map((meter) => [meter, 11n]));
  const all = Array.from({ length: 2_000 }, (_, turn) => ({ index: turn % 100, turn }));
  const answers = await Promise.all(
    all.map(({ index, turn }) => any(turn).hold(testHold(accounts[index] as string, randomUUID(), asked))),
  );
  for (const [index, account] of accounts.entries()) {
    const own = answers.filter((_, turn) => turn % 100 === index);
    const held = BigInt(worth(index)) * 11n;
    const expected = Object.fromEntries(meters.map((meter) => [`${meter}/day`, [0n, held]]));
    if (countOf(own, 'ok') !== worth(index)) t.equal(countOf(own, 'ok'), worth(index), `account ${index}`);
    const refused = own.find(({ verdict }) => verdict !== 'ok');
    if (refused?.limit?.meter !== meters[index % 5]) t.equal(refused?.limit?.meter, meters[index % 5]);
    t.strictSame(await usageOf(account), expected);
  }
  t.strictSame(await findBreaches(database.pool), []);
});

t.test('given 64 callers on three replicas, each threshold is one event', async (t) => {
  const { any, open, events, usageOf } = await startReplicas(t, 3, 16);
  const account = await open([
    testSegment({ meter: 'images', n: 400n }),
    testSegment({ meter: 'cost', n: 10n ** 9n }),
  ]);
  let turn = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (turn < 500) {
        turn += 1;
        const id = randomUUID();
        const { verdict } = await any(turn).hold(testHold(account, id, { images: 1n, cost: 5n }));
        if (verdict === 'ok') await any(turn + 1).settle(testSettle(account, id, { images: 1n, cost: 4n }));
      }
    }),
  );
  t.strictSame(await usageOf(account), { 'images/month': [400n, 0n], 'cost/month': [1_600n, 0n] });
  t.strictSame(await events(account), [
    ['images', 8000, 'warning', 320n],
    ['images', 9000, 'notice', 360n],
    ['images', 9500, 'blocked', 380n],
    ['images', 10_000, 'exhausted', 400n],
  ]);
});

t.test('one hold and one call, sent to all replicas at the same moment', async (t) => {
  const { replicas, open, usageOf, database } = await startReplicas(t, 4, 64);
  const account = await open([testSegment({ meter: 'cost', n: 10_000n })]);
  const ids = Array.from({ length: 50 }, randomUUID);
  const holds = await Promise.all(
    ids.map((id) =>
      Promise.all(replicas.map((replica) => replica.hold(testHold(account, id, { cost: 10n })))),
    ),
  );
  for (const answers of holds) {
    if (answers.filter(({ replayed }) => !replayed).length !== 1) t.fail('one of them was the first');
  }
  t.strictSame(await usageOf(account), { 'cost/month': [0n, 500n] });
  const settles = await Promise.all(
    ids.map((id) =>
      Promise.all(replicas.map((replica) => replica.settle(testSettle(account, id, { cost: 9n })))),
    ),
  );
  for (const answers of settles) {
    const outcomes = answers.map(({ outcome }) => outcome).sort();
    if (String(outcomes) !== 'repeated,repeated,repeated,settled') t.fail(String(outcomes));
  }
  t.strictSame(await usageOf(account), { 'cost/month': [450n, 0n] });
  t.strictSame(await findBreaches(database.pool), []);
});

t.test('settling races expiry: each hold ends once, and its cost is counted', async (t) => {
  const { any, open, usageOf, database } = await startReplicas(t, 3, 32);
  const account = await open([testSegment({ meter: 'cost', n: 10n ** 6n })]);
  const ids = Array.from({ length: 200 }, randomUUID);
  await Promise.all(
    ids.map((id, turn) => any(turn).hold(testHold(account, id, { cost: 10n }, { ttlMs: 0 }))),
  );
  const expiries = Array.from({ length: 40 }, (_, turn) => any(turn).expire(20));
  const settles = ids.map((id, turn) => any(turn).settle(testSettle(account, id, { cost: 7n })));
  const expired = new Set((await Promise.all(expiries)).flat().map(({ id }) => id));
  for (const [index, answer] of (await Promise.all(settles)).entries()) {
    if (answer.outcome !== 'settled') t.fail(answer.outcome);
    if (answer.late !== expired.has(ids[index] as string))
      t.fail('late and not expired, or expired and not late');
  }
  t.strictSame(await usageOf(account), { 'cost/month': [1_400n, 0n] });
  t.strictSame(await findBreaches(database.pool), []);
});

t.test('everything at once neither deadlocks nor loses a unit', async (t) => {
  const { any, open, setLimits, database } = await startReplicas(t, 4, 64);
  const users = Array.from({ length: 5 }, randomUUID);
  const segments = (n: bigint) => [
    testSegment({ meter: 'cost', n }),
    testSegment({ meter: 'cost', n: n / 2n, window: 'day', scope: 'user', scopeId: '*' }),
  ];
  const accounts = await Promise.all(Array.from({ length: 30 }, () => open(segments(5_000n))));
  let turn = 0;
  const pick = <Item>(items: readonly Item[], seed: number) => items[(seed * 7919) % items.length] as Item;
  const callers = Array.from({ length: 64 }, async () => {
    while (turn < TURNS) {
      turn += 1;
      const mine = turn;
      const account = pick(accounts, mine);
      const id = randomUUID();
      const ttlMs = mine % 9 === 0 ? 0 : 60_000;
      const answer = await any(mine).hold(
        testHold(account, id, { cost: 10n }, { userId: pick(users, mine + 1), ttlMs }),
      );
      if (answer.verdict === 'ok' && mine % 5 > 0)
        await any(mine + 1).settle(testSettle(account, id, { cost: 9n }, { close: mine % 4 > 0 }));
      if (mine % 50 === 0) await any(mine).expire(10);
      if (mine % 40 === 0) await setLimits(account, segments(5_000n + BigInt(mine % 3) * 1_000n));
    }
  });
  await Promise.all(callers);
  t.strictSame(await findBreaches(database.pool), []);
});
