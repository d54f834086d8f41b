import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';

t.test('given several calls on one day, then every column of the daily sums is their sum', async (t) => {
  const { pool } = await createTestDatabase(t);
  const { ledger, open } = createTestLedger(pool, createFakeClock('2026-11-20T12:00:00Z'));
  const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
  for (const status of ['ok', 'error', 'error'] as const) {
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 100n }));
    const facts = {
      status,
      ...{ inputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4, reasoningTokens: 5 },
      ...{ inputCostNanoUsd: 6n, outputCostNanoUsd: 7n, latencyMs: 8 },
    };
    await ledger.settle(testSettle(account, id, { cost: 13n }, { facts }));
  }
  const { rows } = await pool.query(
    `SELECT calls, errors, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
            cost_nano_usd, latency_ms FROM usage_daily WHERE account_id = $1`,
    [account],
  );
  t.strictSame(rows, [
    {
      ...{ calls: 3n, errors: 2n, input_tokens: 3n, cache_read_tokens: 6n, cache_write_tokens: 9n },
      ...{ output_tokens: 12n, reasoning_tokens: 15n, cost_nano_usd: 39n, latency_ms: 24n },
    },
  ]);
});
