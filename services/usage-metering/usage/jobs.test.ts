import { randomUUID } from 'node:crypto';
import t from 'tap';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createTestService } from '../fixtures.ts';

t.test('given settled calls, when the daily totals are written, then no figure changes', async (t) => {
  const { pool, runTask } = await createTestService(t);
  const ledger = createLedger({ pool });
  const [accountId, holdId] = [randomUUID(), randomUUID()];
  await ledger.setLimits({
    accountId,
    anchor: new Date('2026-01-01'),
    periodMonths: 1,
    segments: [testSegment({ meter: 'cost', n: 100n })],
  });
  await ledger.hold(testHold(accountId, holdId, { cost: 10n }));
  await ledger.settle(testSettle(accountId, holdId, { cost: 7n }));
  const sums = async (relation: string) =>
    (await pool.query(`SELECT calls, cost_nano_usd FROM ${relation} WHERE account_id = $1`, [accountId]))
      .rows;
  const expected = [{ calls: 1n, cost_nano_usd: 7n }];
  t.strictSame(await sums('usage_daily'), expected);
  t.strictSame(await sums('usage_daily_totals'), []);
  await Promise.all([runTask('total-daily-usage'), runTask('total-daily-usage')]);
  t.strictSame(await sums('usage_daily'), expected);
  t.strictSame(await sums('usage_daily_totals'), expected);
});
