import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { totalDailyUsage } from './total-daily.ts';

async function createFixture(t: TestScope) {
  const { pool } = await createTestDatabase(t);
  const { ledger, open } = createTestLedger(pool, createFakeClock('2026-11-20T12:00:00Z'));
  const account = await open([testSegment({ meter: 'cost', n: 1_000_000n })]);
  return {
    pool,
    async call(status: 'ok' | 'error' = 'ok') {
      const id = randomUUID();
      await ledger.hold(testHold(account, id, { cost: 100n }));
      const facts = {
        status,
        ...{ inputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4, reasoningTokens: 5 },
        ...{ inputCostNanoUsd: 6n, outputCostNanoUsd: 7n, latencyMs: 8 },
      };
      await ledger.settle(testSettle(account, id, { cost: 13n }, { facts }));
    },
    async sums(relation: 'usage_daily' | 'usage_daily_totals') {
      const { rows } = await pool.query(
        `SELECT calls, errors, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
                cost_nano_usd, latency_ms FROM ${relation} WHERE account_id = $1`,
        [account],
      );
      return rows;
    },
    /** The expected row after so many calls. */
    sumOf: (calls: bigint, errors: bigint) => ({
      calls,
      errors,
      ...{ input_tokens: calls, cache_read_tokens: 2n * calls, cache_write_tokens: 3n * calls },
      ...{ output_tokens: 4n * calls, reasoning_tokens: 5n * calls },
      ...{ cost_nano_usd: 13n * calls, latency_ms: 8n * calls },
    }),
  };
}

t.test('given several calls on one day, then every column of the daily sums is their sum', async (t) => {
  const { pool, call, sums, sumOf } = await createFixture(t);
  for (const status of ['ok', 'error', 'error'] as const) await call(status);
  t.strictSame(await sums('usage_daily'), [sumOf(3n, 2n)]);
  t.strictSame(await sums('usage_daily_totals'), []);

  t.equal(await totalDailyUsage({ $client: pool }), 3);
  t.strictSame(await sums('usage_daily_totals'), [sumOf(3n, 2n)]);
  t.strictSame(await sums('usage_daily'), [sumOf(3n, 2n)]);

  for (const status of ['ok', 'error'] as const) await call(status);
  t.strictSame(await sums('usage_daily'), [sumOf(5n, 3n)]);
  t.equal(await totalDailyUsage({ $client: pool }), 2);
  t.strictSame(await sums('usage_daily_totals'), [sumOf(5n, 3n)]);
  t.equal(await totalDailyUsage({ $client: pool }), 0);
  t.strictSame(await findBreaches(pool), []);
});

t.test(
  'given calls that settle while totals are written, no reader sees a call twice or not at all',
  async (t) => {
    const { pool, call, sums, sumOf } = await createFixture(t);
    let settled = 0;
    const calls = Array.from({ length: 8 }, async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        await call();
        settled += 1;
      }
    });
    let seen = 0n;
    const readers = Array.from({ length: 2 }, async () => {
      while (settled < 80) {
        await totalDailyUsage({ $client: pool });
        const before = BigInt(settled);
        const [row] = await sums('usage_daily');
        const count: bigint = row?.calls ?? 0n;
        if (count < before || count > 80n) t.fail(`${count} calls after ${before} were settled`);
        if (count > seen) seen = count;
      }
    });
    await Promise.all([...calls, ...readers]);
    await totalDailyUsage({ $client: pool });
    t.strictSame(await sums('usage_daily_totals'), [sumOf(80n, 0n)]);
    t.strictSame(await findBreaches(pool), []);
  },
);
