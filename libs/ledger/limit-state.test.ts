/** `ledger_state` and `ledger_threshold` agree with `limitState`, the reference for the state of a limit. */
import fc from 'fast-check';
import t from 'tap';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';
import { limitState } from '#libs/catalogue/thresholds.ts';
import { createTestDatabase } from '#libs/testing/database.ts';

const CASES = 5_000;

const rising = fc
  .uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 4, maxLength: 4 })
  .map((bps) => bps.sort((left, right) => left - right));

/** Amounts from 0 to the end of bigint, and usage around the thresholds. */
const limits = fc
  .record({
    amount: fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 9_000_000_000_000_000_000n)),
    bps: rising,
    at: fc.nat({ max: 3 }),
    offset: fc.bigInt(-2n, 2n),
  })
  .map(({ amount, bps, at, offset }) => ({
    amount,
    bps,
    used: (amount * BigInt(bps[at] ?? 0)) / 10_000n + offset,
  }));

t.test('given random limits and usage, SQL and the reference agree on the state', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const cases = fc.sample(limits, CASES);
  const { rows } = await pool.query<{ state: string }>(
    `SELECT ledger_state('n', q.used, q.amount, ARRAY(
              SELECT ledger_threshold(q.amount, b) FROM unnest(string_to_array(q.bps, ' ')::int[]) b)) AS state
       FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY q(used, amount, bps, n) ORDER BY q.n`,
    [cases.map(({ used }) => used), cases.map(({ amount }) => amount), cases.map(({ bps }) => bps.join(' '))],
  );
  const seen = new Set<string>();
  for (const [index, { amount, used, bps }] of cases.entries()) {
    const [warnBps = 0, noticeBps = 0, blockBps = 0, hardBps = 0] = bps;
    const expected = limitState(used, amount, { warnBps, noticeBps, blockBps, hardBps });
    seen.add(expected);
    if (rows[index]?.state !== expected)
      t.fail(`${used} of ${amount} at ${bps.join('/')}: ${rows[index]?.state} instead of ${expected}`);
  }
  t.strictSame([...seen].sort(), [...LIMIT_STATES].sort(), 'every state was among the cases');
});
