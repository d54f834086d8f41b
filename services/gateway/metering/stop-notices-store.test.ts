import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { stopNotices } from '#libs/db/schema/metering.ts';
import { testHold, testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { findStopNotice } from './stop-notices-store.ts';

t.test('given stops, then a refused caller reads what is meant for them, and no note of staff', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const ledger = createLedger({ pool });
  const accountId = randomUUID();
  const segments = [testSegment({ meter: 'cost', n: 10n })];
  await ledger.setLimits({ accountId, anchor: new Date(), periodMonths: 1, segments });
  const expectedUntil = new Date('2026-11-20T14:00:00Z');
  for (const [kind, target, notice] of [
    ['provider', 'openai', { publicReason: 'OpenAI has problems.', expectedUntil: null }],
    ['model', 'openai/gpt-4o-mini', null],
    ['global', '', { publicReason: null, expectedUntil }],
  ] as const) {
    const id = randomUUID();
    const stop = await ledger.stop({ id, kind, target, reason: 'They overcharge.', author: 'staff' });
    if (notice !== null) await database.insert(stopNotices).values({ stopId: stop.id, ...notice });
    const refused = await ledger.hold(testHold(accountId, randomUUID(), { cost: 1n }));
    t.equal(refused.verdict, 'stopped');
    t.same(await findStopNotice(database, refused.stop ?? ''), notice, `${refused.stop}`);
    await ledger.liftStop({ id, author: 'staff' });
    t.equal(await findStopNotice(database, refused.stop ?? ''), null, 'lifted');
  }
});
