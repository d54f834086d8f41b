import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { choosePlan } from '../../plans/domain/offer.ts';
import { planChangeOf } from './plan-change.ts';
import { type CatalogueVersion, defaultSubscription } from './subscription.ts';
import { paidFor } from './transitions.ts';

const text = readFileSync(new URL('../../../../deploy/catalogues/default.yaml', import.meta.url), 'utf8');
const version: CatalogueVersion = {
  id: '0190a1b2-0000-7000-8000-00000000d001',
  catalogueId: 'default',
  version: 1,
  catalogue: parseCatalogue(text),
};
const start = new Date('2026-11-20T12:00:00.000Z');
const fresh = defaultSubscription('0190a1b2-0000-7000-8000-00000000a001', version, start);
const paid = (planKey: string, cycle: 'month' | 'year') =>
  paidFor(
    fresh,
    { kind: 'new_period', planKey, cycle, seats: null, catalogueVersionId: version.id },
    { startsAt: start, graceMs: 0 },
  );
const ask = (subscription: typeof fresh, plan: string, cycle: 'month' | 'year' | undefined, now: Date) =>
  planChangeOf({
    subscription,
    sold: version,
    offered: version,
    target: choosePlan(version.catalogue, plan),
    cycle,
    now,
  });

const cycle = fc.constantFrom('month', 'year');

t.test('at any instant, an upgrade costs at most its price and nothing is paid twice', async (t) => {
  const prices = { month: [2900, 7900, 19_900], year: [29_000, 79_000, 199_000] } as const;
  fc.assert(
    fc.property(cycle, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (cycle, share) => {
      const subscription = paid('basic', cycle);
      const end = subscription.currentPeriodEnd.getTime();
      const now = new Date(start.getTime() + Math.floor((end - start.getTime()) * share));
      const toPro = ask(subscription, 'pro', undefined, now);
      const toTop = ask(subscription, 'enterprise', undefined, now);
      const fromPro = ask(paid('pro', cycle), 'enterprise', undefined, now);
      const [basic, pro] = prices[cycle];
      const [one, other, both] = [toPro, fromPro, toTop].map(({ payment }) => payment?.amountMinor ?? -1);
      if (one === undefined || other === undefined || both === undefined) return false;
      // One upgrade or two cost the same, except for rounded cents.
      const inSteps = one + other - both;
      return one >= 0 && one <= pro - basic + 1 && inSteps >= 0 && inSteps <= 2;
    }),
  );
  t.pass();
});

t.test('at the start of a period the whole difference is due, at its end nothing', async (t) => {
  const subscription = paid('basic', 'month');
  t.match(ask(subscription, 'pro', undefined, start).payment, {
    kind: 'rest_of_period',
    amountMinor: 5000,
  });
  t.match(ask(subscription, 'pro', undefined, subscription.currentPeriodEnd), {
    effective: 'now',
    payment: { amountMinor: 0 },
  });
});

t.test('an unpaid period is not credited', async (t) => {
  const owed = { ...paid('basic', 'month'), status: 'past_due' } as const;
  const given = { ...paid('basic', 'month'), complimentary: true };
  const tried = { ...fresh, status: 'trialing', planKey: 'basic' } as const;
  for (const subscription of [fresh, owed, given, tried]) {
    t.match(ask(subscription, 'pro', 'month', start), {
      payment: { kind: 'new_period', amountMinor: 7900 },
      proration: null,
    });
  }
});
