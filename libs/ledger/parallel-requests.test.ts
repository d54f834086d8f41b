import { randomUUID } from 'node:crypto';
import t from 'tap';
import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';

t.test('given an account that may run three requests at once', async (t) => {
  const { pool } = await createTestDatabase(t);
  const clock = createFakeClock('2026-11-20T12:00:00Z');
  const { ledger, open, usageOf } = createTestLedger(pool, clock);
  const replica = createLedger({ pool, now: () => clock.now() });
  const account = await open([
    testSegment({ meter: 'cost', n: 1_000n }),
    testSegment({ meter: PARALLEL_REQUESTS, n: 3n, window: 'total' }),
  ]);
  const holdOn = (on: Pick<typeof ledger, 'hold'>, id: string) =>
    on.hold(testHold(account, id, { cost: 10n, [PARALLEL_REQUESTS]: 1n }));

  const ids = Array.from({ length: 20 }, () => randomUUID());
  const answers = await Promise.all(ids.map((id, index) => holdOn(index % 2 ? ledger : replica, id)));
  const admitted = ids.filter((_, index) => answers[index]?.verdict === 'ok');
  const [first = '', second = '', third = ''] = admitted;

  t.test('of many at once, over two replicas, exactly three are admitted', async (t) => {
    t.equal(admitted.length, 3);
    const refused = answers.find(({ verdict }) => verdict !== 'ok');
    t.match(refused, { verdict: 'limit_held', limit: { meter: PARALLEL_REQUESTS, held: 3n, asked: 1n } });
    t.ok(
      answers.every(({ verdict, limit }) => verdict !== 'ok' || limit?.meter === 'cost'),
      'the tightest limit of a response is one that is used up',
    );
  });

  t.test('one that runs several calls counts until its last one', async (t) => {
    await ledger.settle(testSettle(account, first, { cost: 5n }, { close: false }));
    t.equal((await holdOn(ledger, randomUUID())).verdict, 'limit_held');
    const settled = await ledger.settle(testSettle(account, first, { cost: 5n }, { callIndex: 1 }));
    t.match(settled, { overrun: false, limit: { meter: 'cost' } });
    t.equal((await holdOn(replica, randomUUID())).verdict, 'ok');
  });

  t.test('those of a process that has died count until they expire, and use nothing up', async (t) => {
    clock.advance(60_000);
    t.equal((await ledger.expire(10)).length, 3);
    t.strictSame((await usageOf(account))[`${PARALLEL_REQUESTS}/total`], [0n, 0n]);
    const late = await Promise.all(
      [second, third].map((id) => ledger.settle(testSettle(account, id, { cost: 5n }))),
    );
    t.match(late, [{ late: true }, { late: true }]);
    t.strictSame((await usageOf(account))[`${PARALLEL_REQUESTS}/total`], [0n, 0n]);
    t.strictSame(await findBreaches(pool), []);
  });
});
