import t from 'tap';
import { decideCatalogueMove } from './decide-catalogue-move.ts';
import { free, newerVersion, paid, pastDue, stateOf, trialingPro, version } from './decisions.fixture.ts';
import type { Subscription } from './subscription.ts';

const published = (subscription: Subscription) => stateOf(subscription, { offered: newerVersion });
const move = (subscription: Subscription, migration: 'now' | 'period_end') =>
  decideCatalogueMove(published(subscription), { versionId: newerVersion.id, migration }).subscription;

t.test('a move at once keeps the period and credits what was paid', async (t) => {
  const cases: [string, Subscription, number | null][] = [
    ['free', free, 0],
    ['paid', paid('pro'), 7900],
    ['assigned', { ...paid('pro'), complimentary: true }, 0],
    ['unpaid', pastDue, null],
    ['trial', trialingPro, null],
  ];
  for (const [name, subscription, periodPaidMinor] of cases) {
    const expected = { ...subscription, catalogueVersionId: newerVersion.id, periodPaidMinor };
    t.strictSame(move(subscription, 'now'), expected, name);
  }
});

t.test('a move at the end of the period is scheduled', async (t) => {
  t.strictSame(move(paid('pro'), 'period_end'), {
    ...paid('pro'),
    scheduledChange: {
      planKey: 'pro',
      cycle: 'month',
      catalogueVersionId: newerVersion.id,
      movesTo: newerVersion.id,
    },
  });
});

t.test('a scheduled downgrade moves to the new version', async (t) => {
  const scheduledChange = {
    planKey: 'starter',
    cycle: 'month',
    catalogueVersionId: version.id,
    movesTo: null,
  } as const;
  const subscription = { ...paid('pro'), scheduledChange };
  const next = { ...scheduledChange, catalogueVersionId: newerVersion.id };
  t.match(move(subscription, 'now'), { planKey: 'pro', scheduledChange: next });
  t.match(move(subscription, 'period_end'), {
    catalogueVersionId: version.id,
    scheduledChange: { ...next, movesTo: newerVersion.id },
  });
});

t.test('an account stays where it is once another version is on offer', async (t) => {
  const { subscription, outcome } = decideCatalogueMove(published(free), {
    versionId: version.id,
    migration: 'now',
  });
  t.equal(subscription, free);
  t.strictSame(outcome, { kind: 'unchanged' });
});
