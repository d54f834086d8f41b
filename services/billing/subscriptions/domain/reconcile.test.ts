import t from 'tap';
import {
  contextAt,
  free,
  GRACE_MS,
  kindsOf,
  newerVersion,
  paid,
  pastDue,
  periodEnd,
  requestOf,
  stateOf,
  trialingPro,
  version,
} from './decisions.fixture.ts';
import { reconcileSubscription } from './reconcile.ts';
import { openRequestOf, type SubscriptionState } from './state.ts';

const oneMillisecondBefore = (instant: Date) => new Date(instant.getTime() - 1);
const reconcile = (state: SubscriptionState, now: Date) => reconcileSubscription(state, contextAt(now));

t.test('nothing changes before it is due', async (t) => {
  for (const subscription of [free, paid('pro'), trialingPro]) {
    const state = stateOf(subscription);
    const due = subscription.trialEndsAt ?? periodEnd;
    t.strictSame(reconcile(state, oneMillisecondBefore(due)), { state, effects: [] });
  }
});

t.test('reconciling again changes nothing', async (t) => {
  const now = new Date('2027-02-01T00:00:00.000Z');
  for (const subscription of [free, paid('pro'), pastDue, trialingPro]) {
    const { state } = reconcile(stateOf(subscription), now);
    t.strictSame(reconcile(state, now), { state, effects: [] });
  }
});

t.test('a free plan skips to the current period', async (t) => {
  const change = reconcile(stateOf(free), new Date('2027-06-25T00:00:00.000Z'));
  t.match(change.state.subscription, { currentPeriodStart: new Date('2027-06-20T12:00:00.000Z') });
  t.strictSame(change.effects, []);
});

t.test('a paid period that ends starts an unpaid one and requests its payment', async (t) => {
  const change = reconcile(stateOf(paid('pro')), periodEnd);
  t.match(change.state.subscription, {
    status: 'past_due',
    currentPeriodStart: periodEnd,
    accessEndsAt: new Date(periodEnd.getTime() + GRACE_MS),
  });
  t.strictSame(kindsOf(change), ['payment_requested', 'event:payment_requested']);
  t.match(openRequestOf(change.state), { kind: 'renewal', amountMinor: 7900 });
});

t.test('an unpaid period ends the plan after the grace period', async (t) => {
  const afterGrace = new Date(periodEnd.getTime() + GRACE_MS);
  const change = reconcile(stateOf(paid('pro')), afterGrace);
  t.match(change.state.subscription, { planKey: 'free', status: 'active', accessEndsAt: null });
  t.strictSame(kindsOf(change).at(-1), 'notice:subscription_ended');
  t.match(change.effects.at(-1), { event: { at: afterGrace, data: { reason: 'payment_overdue' } } });
  t.equal(openRequestOf(change.state), undefined);
});

t.test('a plan that the provider renews ends only after the provider was asked', async (t) => {
  const afterGrace = new Date(periodEnd.getTime() + GRACE_MS);
  const state = stateOf({ ...paid('pro'), externalId: 'sub_1' });
  const lapsed = reconcileSubscription(state, { ...contextAt(afterGrace), endsLapsed: false });
  t.strictSame(lapsed, { state, effects: [] });
  t.match(reconcile(state, afterGrace), {
    state: { subscription: { planKey: 'free', externalId: null } },
    effects: [{ event: { kind: 'subscription_ended', data: { reason: 'payment_overdue' } } }],
  });
});

t.test('a cancelled plan ends with its period', async (t) => {
  const cancelled = { ...paid('pro'), cancelAtPeriodEnd: true, accessEndsAt: periodEnd };
  const change = reconcile(stateOf(cancelled), periodEnd);
  t.match(change.state.subscription, { planKey: 'free', cancelAtPeriodEnd: false });
  t.match(change.effects, [{ event: { kind: 'subscription_ended', data: { reason: 'cancelled' } } }]);
});

t.test('a trial that ends returns to the default plan', async (t) => {
  const now = new Date('2026-12-10T00:00:00.000Z');
  const change = reconcile(stateOf(trialingPro), now);
  t.match(change.state, { subscription: { planKey: 'free', status: 'active' }, runningTrial: null });
  t.match(change.effects, [
    { kind: 'trial_ended', at: trialingPro.trialEndsAt },
    { event: { kind: 'trial_ended', subject: 'trial-1', data: { converted: false } } },
  ]);
});

t.test('a scheduled change takes effect at the price of its version', async (t) => {
  const scheduledChange = {
    planKey: 'pro',
    cycle: 'month',
    catalogueVersionId: newerVersion.id,
    movesTo: newerVersion.id,
  } as const;
  const change = reconcile(stateOf({ ...paid('enterprise'), scheduledChange }), periodEnd);
  t.match(change.state.subscription, {
    planKey: 'pro',
    catalogueVersionId: newerVersion.id,
    scheduledChange: null,
  });
  t.match(openRequestOf(change.state), { amountMinor: 8900, catalogueVersionId: newerVersion.id });
  t.equal(version.catalogue.plans.find(({ key }) => key === 'pro')?.price.monthlyMinor, 7900);
});

t.test('an expired payment request is voided', async (t) => {
  const change = reconcile(stateOf(free, { paymentRequests: [requestOf()] }), periodEnd);
  t.match(change.effects, [
    { kind: 'payment_resolved', request: { status: 'void', settledAt: periodEnd, note: 'not paid in time' } },
    { event: { kind: 'payment_voided' } },
  ]);
});
