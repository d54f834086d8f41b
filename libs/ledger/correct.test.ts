import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import type { CorrectRequest } from './correct.ts';
import { createTestLedger, testFacts, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import type { CallFacts, Meters } from './types.ts';

const USER = '0190a1b2-0000-7000-8000-00000000b001';
const DAY_MS = 86_400_000;
const BOUND = { cost: 100n, 'tokens.total': 50n } as const;

/** An account with a call that was recorded at its bound of 100 nano-USD and 50 tokens. */
async function createFixture(t: TestScope, limit = 1_000n) {
  const { pool } = await createTestDatabase(t);
  const { clock } = createFakeRuntime({ start: '2026-11-16T12:00:00Z' });
  const test = createTestLedger(pool, clock);
  const accountId = await test.open([
    testSegment({ meter: 'cost', window: 'day', n: limit }),
    testSegment({ meter: 'cost', window: 'month', n: 10_000n }),
    testSegment({ meter: 'tokens.total', window: 'total' }),
    testSegment({ meter: 'gen.blog', window: 'month', n: 10n }),
    testSegment({ meter: 'cost', window: 'day', scope: 'user', scopeId: '*', n: 500n }),
  ]);
  const holdId = randomUUID();
  await test.ledger.hold(testHold(accountId, holdId, { ...BOUND, 'gen.blog': 1n }, { userId: USER }));
  const facts = {
    status: 'error',
    errorCode: 'hold_expired',
    usageSource: 'bound',
    inputTokens: 20,
    outputTokens: 30,
    inputCostNanoUsd: 40n,
    outputCostNanoUsd: 60n,
  } as const;
  await test.ledger.settle(testSettle(accountId, holdId, BOUND, { facts }));
  return {
    ...test,
    pool,
    clock,
    accountId,
    request: (meters: Meters, more: Partial<CallFacts> = {}): CorrectRequest => ({
      accountId,
      holdId,
      callIndex: 0,
      meters,
      facts: testFacts({ inputTokens: 12, outputTokens: 3, outputCostNanoUsd: meters.cost ?? 0n, ...more }),
    }),
    async daily() {
      const { rows } = await pool.query(
        `SELECT calls, errors, input_tokens, cache_read_tokens, output_tokens, cost_nano_usd FROM usage_daily`,
      );
      return rows;
    },
  };
}

t.test('given a call at its bound, when it is corrected downwards', async (t) => {
  const { ledger, pool, request, usageOf, accountId, daily, events } = await createFixture(t);
  const correction = request({ cost: 30n, 'tokens.total': 15n, 'gen.blog': 1n }, { cacheReadTokens: 2 });
  t.equal(await ledger.correct(correction), 'corrected');

  await t.test('then every window in which it counted has its true amounts', async (t) => {
    t.strictSame(await usageOf(accountId), {
      'cost/day': [30n, 0n],
      'cost/month': [30n, 0n],
      'tokens.total/total': [15n, 0n],
      'gen.blog/month': [1n, 0n],
      [`cost/day/user:${USER}`]: [30n, 0n],
    });
    t.strictSame(await events(accountId), []);
    t.strictSame(await findBreaches(pool), []);
  });

  await t.test('then the call is unchanged, and one row has the differences', async (t) => {
    const { rows } = await pool.query(
      `SELECT call_index, status, error_code, usage_source, late, input_tokens, cache_read_tokens, output_tokens,
              reasoning_tokens, input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, meters, amounts
         FROM usage_events ORDER BY call_index DESC`,
    );
    t.match(rows[0], { call_index: 0, status: 'error', usage_source: 'bound', cost_nano_usd: 100n });
    t.strictSame(rows.slice(1), [
      {
        call_index: -1,
        status: 'ok',
        error_code: null,
        usage_source: 'provider',
        late: true,
        input_tokens: -8n,
        cache_read_tokens: 2n,
        output_tokens: -27n,
        reasoning_tokens: null,
        input_cost_nano_usd: -40n,
        output_cost_nano_usd: -30n,
        cost_nano_usd: -70n,
        meters: ['cost', 'gen.blog', 'tokens.total'],
        amounts: [-70n, 1n, -35n],
      },
    ]);
    t.strictSame(await daily(), [
      {
        calls: 1n,
        errors: 0n,
        input_tokens: 12n,
        cache_read_tokens: 2n,
        output_tokens: 3n,
        cost_nano_usd: 30n,
      },
    ]);
  });

  await t.test('then a second correction changes nothing', async (t) => {
    t.equal(await ledger.correct(request({ cost: 5n })), 'repeated');
    t.strictSame((await usageOf(accountId))['cost/day'], [30n, 0n]);
  });
});

t.test('given a call at its bound, when it cost more, then thresholds are reached', async (t) => {
  const { ledger, pool, request, usageOf, accountId, events } = await createFixture(t, 150n);
  t.equal(await ledger.correct(request({ cost: 145n, 'tokens.total': 50n })), 'corrected');
  t.strictSame((await usageOf(accountId))['cost/day'], [145n, 0n]);
  t.strictSame(await events(accountId), [['cost', 9500, 'blocked', 145n]]);
  const { verdict } = await ledger.hold(testHold(accountId, randomUUID(), { cost: 1n }));
  t.equal(verdict, 'limit_blocked');
  t.strictSame(await findBreaches(pool), []);
});

t.test('given windows that have ended, then they are corrected and current ones are not', async (t) => {
  const { ledger, pool, clock, request, usageOf, accountId, events } = await createFixture(t, 150n);
  clock.advance(DAY_MS);
  await ledger.hold(testHold(accountId, randomUUID(), { cost: 1n }, { userId: USER }));
  t.equal(await ledger.correct(request({ cost: 160n })), 'corrected');
  t.match(await usageOf(accountId), {
    'cost/day': [0n, 1n],
    'cost/month': [160n, 1n],
    [`cost/day/user:${USER}`]: [0n, 1n],
  });
  const { rows } = await pool.query(
    `SELECT scope, used FROM ledger_counters WHERE meter = 'cost' AND win = 'day' AND window_end <= $1 ORDER BY scope`,
    [clock.now()],
  );
  t.strictSame(rows, [
    { scope: 'account', used: 160n },
    { scope: 'user', used: 160n },
  ]);
  t.strictSame(await events(accountId), [['cost', 10_000, 'exhausted', 160n]]);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given many corrections and calls at once, then one correction counts', async (t) => {
  const { ledger, pool, request, usageOf, accountId } = await createFixture(t, 100_000n);
  const call = async () => {
    const id = randomUUID();
    await ledger.hold(testHold(accountId, id, { cost: 7n }, { userId: null }));
    await ledger.settle(testSettle(accountId, id, { cost: 7n }));
  };
  const outcomes = Array.from({ length: 20 }, (_, n) => ledger.correct(request({ cost: BigInt(n + 1) })));
  await Promise.all([...outcomes, ...Array.from({ length: 20 }, call)]);
  const corrected = (await Promise.all(outcomes)).flatMap((outcome, n) =>
    outcome === 'corrected' ? [BigInt(n + 1)] : [],
  );
  t.equal(corrected.length, 1);
  t.strictSame((await usageOf(accountId))['cost/day'], [140n + (corrected[0] ?? 0n), 0n]);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given a call that cannot be corrected, then nothing changes', async (t) => {
  const { ledger, request, usageOf, accountId } = await createFixture(t);
  const settled = randomUUID();
  await ledger.hold(testHold(accountId, settled, { cost: 9n }));
  await ledger.settle(testSettle(accountId, settled, { cost: 9n }));
  t.equal(
    await ledger.correct({ ...request({ cost: 1n }), holdId: settled }),
    'repeated',
    'not at its bound',
  );
  t.equal(await ledger.correct({ ...request({ cost: 1n }), callIndex: 3 }), 'unknown_call');
  t.equal(await ledger.correct({ ...request({ cost: 1n }), holdId: randomUUID() }), 'unknown_call');
  t.equal(await ledger.correct({ ...request({ cost: 1n }), accountId: randomUUID() }), 'unknown_call');
  await t.rejects(ledger.correct(request({ cost: -1n })), RangeError);
  t.strictSame((await usageOf(accountId))['cost/day'], [109n, 0n]);
});
