import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { createLedger } from './ledger.ts';
import { readUsed } from './read-used.ts';

const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const HOLDS = ['0190a1b2-0000-7000-8000-00000000d001', '0190a1b2-0000-7000-8000-00000000d002'] as const;

t.test('given an account with a limit a month, at work on two days', async (t) => {
  const { pool } = await createTestDatabase(t);
  const clock = createFakeClock();
  const ledger = createLedger({ pool, now: clock.now });
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: clock.now(),
    periodMonths: 1,
    segments: [testSegment({ meter: 'images', window: 'month', n: 100n })],
  });
  for (const [index, id] of HOLDS.entries()) {
    await ledger.hold(testHold(ACCOUNT, id, { images: 3n, cost: 5n }));
    await ledger.settle(testSettle(ACCOUNT, id, { images: BigInt(index + 1), cost: 5n }));
    if (index === 0) clock.advance(86_400_000);
  }

  await t.test(
    'then the counter is read where there is one, and the calls are added up where there is none',
    async (t) => {
      const ask = (meter: string, window: 'day' | 'month' | 'period' | 'total', accountId = ACCOUNT) => ({
        accountId,
        meter,
        window,
      });
      const unknown = HOLDS[0];
      const used = await readUsed({ $client: pool }, clock.now(), [
        ask('images', 'month'),
        ask('images', 'day'),
        ask('cost', 'period'),
        ask('images', 'total'),
        ask('gen.blog', 'day'),
        ask('images', 'day', unknown),
      ]);
      t.strictSame(used, [3n, 2n, 10n, 3n, 0n, 0n]);
      t.strictSame(await readUsed({ $client: pool }, clock.now(), []), []);
    },
  );
});
