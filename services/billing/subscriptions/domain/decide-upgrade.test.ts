import t from 'tap';
import { decideUpgrade } from './decide-upgrade.ts';
import {
  contextAt,
  free,
  kindsOf,
  paid,
  pastDue,
  periodEnd,
  requestOf,
  start,
  stateOf,
  trialingPro,
  version,
} from './decisions.fixture.ts';
import type { SubscriptionState } from './state.ts';

const halfway = new Date('2026-12-05T12:00:00.000Z');
const upgrade = (
  state: SubscriptionState,
  plan: string,
  { cycle, now = start }: { cycle?: 'month' | 'year'; now?: Date } = {},
) => decideUpgrade(state, { plan, cycle, by: 'owner' }, contextAt(now));

t.test('an upgrade that costs something changes nothing and requires its payment', async (t) => {
  const cases = [
    { name: 'from free', from: free, plan: 'pro', kind: 'new_period', amountMinor: 7900 },
    { name: 'by the year', from: free, plan: 'pro', cycle: 'year', kind: 'new_period', amountMinor: 79_000 },
    { name: 'from a trial', from: trialingPro, plan: 'pro', kind: 'new_period', amountMinor: 7900 },
    {
      name: 'from an unpaid plan',
      from: pastDue,
      plan: 'enterprise',
      kind: 'new_period',
      amountMinor: 19_900,
    },
    {
      name: 'from an assigned plan',
      from: { ...paid('starter'), complimentary: true },
      plan: 'pro',
      kind: 'new_period',
      amountMinor: 7900,
    },
    {
      name: 'halfway through a paid period',
      from: paid('starter'),
      plan: 'pro',
      now: halfway,
      kind: 'rest_of_period',
      amountMinor: 2500,
    },
    {
      name: 'to a yearly cycle, with a credit for half a month',
      from: paid('pro'),
      plan: 'pro',
      cycle: 'year',
      now: halfway,
      kind: 'new_period',
      amountMinor: 79_000 - 3950,
    },
  ] as const;
  for (const { name, from, plan, kind, amountMinor, ...options } of cases) {
    const decision = upgrade(stateOf(from), plan, options);
    t.equal(decision.subscription, from, name);
    t.match(
      decision.outcome,
      { kind: 'payment_required', request: { kind, planKey: plan, amountMinor } },
      name,
    );
    t.strictSame(kindsOf(decision), ['payment_requested', 'event:payment_requested'], name);
  }
});

t.test('the price of a prorated upgrade holds until the period ends, any other for 30 days', async (t) => {
  const prorated = upgrade(stateOf(paid('starter')), 'pro', { now: halfway });
  t.match(prorated.outcome, { request: { expiresAt: periodEnd } });
  const full = upgrade(stateOf(free), 'pro');
  t.match(full.outcome, { request: { expiresAt: new Date('2026-12-20T12:00:00.000Z') } });
});

t.test('requesting a plan again', async (t) => {
  const open = requestOf();
  const state = stateOf(free, { paymentRequests: [open] });

  await t.test('returns the open request at its price', async (t) => {
    const decision = upgrade(state, 'pro');
    t.match(decision.outcome, { kind: 'payment_required', request: { id: open.id } });
    t.strictSame(decision.effects, []);
  });

  await t.test('voids the request of another plan', async (t) => {
    const decision = upgrade(state, 'enterprise');
    t.strictSame(kindsOf(decision), [
      'payment_resolved',
      'event:payment_voided',
      'payment_requested',
      'event:payment_requested',
    ]);
    t.match(decision.effects[0], {
      request: { id: open.id, status: 'void', settledBy: 'owner', note: 'replaced' },
    });
    t.match(decision.outcome, { request: { planKey: 'enterprise' } });
  });
});

t.test('the plan of an unpaid period requires the renewal, once', async (t) => {
  const decision = upgrade(stateOf(pastDue), 'pro');
  t.match(decision.outcome, {
    kind: 'payment_required',
    request: { kind: 'renewal', amountMinor: 7900, expiresAt: pastDue.accessEndsAt },
  });
  const renewal = requestOf({ kind: 'renewal' });
  const again = upgrade(stateOf(pastDue, { paymentRequests: [renewal] }), 'pro');
  t.match(again.outcome, { request: { id: renewal.id } });
  t.strictSame(again.effects, []);
});

t.test('a free upgrade takes effect at once', async (t) => {
  const openPlan = { ...version.catalogue.plans[0], key: 'open', name: 'Open', rank: 5, listed: true };
  const catalogue = { ...version.catalogue, plans: [...version.catalogue.plans, openPlan] };
  const offered = { ...version, id: 'offered', catalogue } as typeof version;
  const state = stateOf(trialingPro, { offered, paymentRequests: [requestOf()] });
  const decision = upgrade(state, 'open');
  t.strictSame(decision.outcome, { kind: 'changed' });
  t.match(decision.subscription, {
    planKey: 'open',
    status: 'active',
    trialEndsAt: null,
    accessEndsAt: null,
  });
  t.strictSame(kindsOf(decision), [
    'payment_resolved',
    'event:payment_voided',
    'trial_ended',
    'event:trial_ended',
    'notice:plan_changed',
  ]);
});

t.test('refused upgrades have no effects', async (t) => {
  const cases = [
    { from: free, plan: 'platinum', refusal: { code: 'unknown_plan', plan: 'platinum' } },
    { from: free, plan: 'free', refusal: { reason: 'already_on_plan', plan: 'free' } },
    { from: paid('pro'), plan: 'pro', refusal: { reason: 'already_on_plan', plan: 'pro' } },
    { from: paid('pro'), plan: 'starter', refusal: { reason: 'not_a_higher_rank', plan: 'starter' } },
    {
      from: paid('starter', 'year'),
      plan: 'pro',
      cycle: 'month',
      refusal: { reason: 'cycle_too_short', plan: 'pro' },
    },
  ] as const;
  for (const { from, plan, refusal, ...options } of cases) {
    const decision = upgrade(stateOf(from), plan, options);
    t.match(decision.outcome, { kind: 'refused', refusal }, plan);
    t.equal(decision.subscription, from, plan);
    t.strictSame(decision.effects, [], plan);
  }
});
