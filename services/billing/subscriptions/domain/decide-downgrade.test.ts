import t from 'tap';
import { decideCancel, decideDowngrade, decideResume } from './decide-downgrade.ts';
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
import type { SubscriptionState } from './state.ts';
import type { Subscription } from './subscription.ts';

const downgrade = (state: SubscriptionState, plan: string, cycle?: 'month' | 'year') =>
  decideDowngrade(state, { plan, cycle, by: 'owner' }, contextAt());
const scheduled = (subscription: Subscription, planKey: string, movesTo: string | null = null) => ({
  ...subscription,
  scheduledChange: { planKey, cycle: 'month', catalogueVersionId: version.id, movesTo } as const,
});
const cancelledPro = { ...paid('pro'), cancelAtPeriodEnd: true, accessEndsAt: periodEnd };

t.test('a downgrade is scheduled for the end of the period', async (t) => {
  const decision = downgrade(stateOf(paid('pro')), 'starter');
  t.strictSame(decision.outcome, { kind: 'changed' });
  t.match(decision.subscription, {
    planKey: 'pro',
    scheduledChange: { planKey: 'starter', cycle: 'month', movesTo: null },
  });
  t.strictSame(kindsOf(decision), ['event:change_scheduled']);
  t.match(decision.effects, [{ event: { data: { effective_at: periodEnd.toISOString() } } }]);
});

t.test('scheduling the same downgrade again changes nothing', async (t) => {
  const decision = downgrade(stateOf(scheduled(paid('pro'), 'starter')), 'starter');
  t.strictSame([decision.outcome, decision.effects], [{ kind: 'unchanged' }, []]);
});

t.test('a downgrade keeps the move to a published version', async (t) => {
  const moving = scheduled(paid('enterprise'), 'enterprise', newerVersion.id);
  const decision = downgrade(stateOf(moving), 'pro');
  t.match(decision.subscription.scheduledChange, { planKey: 'pro', movesTo: newerVersion.id });
});

t.test('a downgrade to the default plan is a cancellation', async (t) => {
  const decision = downgrade(stateOf(paid('pro')), 'free');
  t.match(decision.subscription, { cancelAtPeriodEnd: true, accessEndsAt: periodEnd, scheduledChange: null });
  t.strictSame(kindsOf(decision), ['event:cancellation_scheduled']);
});

t.test('a downgrade of an unpaid period requires its payment first', async (t) => {
  const decision = downgrade(stateOf(pastDue), 'starter');
  t.match(decision.outcome, { kind: 'payment_required', request: { kind: 'renewal', amountMinor: 7900 } });
  t.equal(decision.subscription, pastDue);
});

t.test('refused downgrades have no effects', async (t) => {
  const cases = [
    { from: free, plan: 'platinum', refusal: { code: 'unknown_plan' } },
    { from: free, plan: 'pro', refusal: { reason: 'not_a_lower_rank' } },
    { from: paid('pro'), plan: 'pro', refusal: { reason: 'already_on_plan' } },
  ];
  for (const { from, plan, refusal } of cases) {
    const decision = downgrade(stateOf(from), plan);
    t.match(decision.outcome, { kind: 'refused', refusal }, plan);
    t.strictSame([decision.subscription, decision.effects], [from, []], plan);
  }
});

t.test('cancelling', async (t) => {
  const cancel = (state: SubscriptionState) => decideCancel(state, { by: 'owner' }, contextAt());

  await t.test('ends a paid plan with its period, once', async (t) => {
    const decision = cancel(stateOf(paid('pro')));
    t.match(decision.subscription, { planKey: 'pro', cancelAtPeriodEnd: true, accessEndsAt: periodEnd });
    t.strictSame(cancel(stateOf(decision.subscription)).outcome, { kind: 'unchanged' });
  });

  await t.test('ends an unpaid plan at once and voids its request', async (t) => {
    const decision = cancel(stateOf(pastDue, { paymentRequests: [requestOf({ kind: 'renewal' })] }));
    t.match(decision.subscription, { planKey: 'free', status: 'active', accessEndsAt: null });
    t.strictSame(kindsOf(decision), [
      'payment_resolved',
      'event:payment_voided',
      'notice:subscription_ended',
    ]);
  });

  await t.test('is refused for the default plan and for trials', async (t) => {
    t.match(cancel(stateOf(free)).outcome, { kind: 'refused', refusal: { reason: 'nothing_to_cancel' } });
    t.match(cancel(stateOf(trialingPro)).outcome, { refusal: { reason: 'trial_ends_by_itself' } });
  });
});

t.test('resuming', async (t) => {
  const resume = (state: SubscriptionState) => decideResume(state, contextAt());

  await t.test('withdraws a cancellation', async (t) => {
    const decision = resume(stateOf(cancelledPro));
    t.match(decision.subscription, {
      cancelAtPeriodEnd: false,
      accessEndsAt: new Date(periodEnd.getTime() + GRACE_MS),
    });
    t.strictSame(kindsOf(decision), ['event:resumed']);
  });

  await t.test('withdraws a downgrade, but not the move to a published version', async (t) => {
    const decision = resume(stateOf(scheduled(paid('pro'), 'starter', newerVersion.id)));
    t.match(decision.subscription.scheduledChange, {
      planKey: 'pro',
      catalogueVersionId: newerVersion.id,
      movesTo: newerVersion.id,
    });
  });

  await t.test('of a cancellation keeps the downgrade that was scheduled before it', async (t) => {
    const { subscription: before } = downgrade(stateOf(paid('pro')), 'starter');
    const { subscription: cancelling } = decideCancel(stateOf(before), { by: 'owner' }, contextAt());
    t.match(cancelling, { cancelAtPeriodEnd: true, accessEndsAt: periodEnd });
    const { subscription: after } = resume(stateOf(cancelling));
    t.strictSame(after, before);
    t.equal(resume(stateOf(after)).subscription.scheduledChange, null, 'which a second one withdraws');
  });

  await t.test('changes nothing where there is nothing to withdraw', async (t) => {
    for (const subscription of [free, paid('pro'), pastDue, trialingPro]) {
      t.strictSame(resume(stateOf(subscription)).effects, []);
    }
  });
});
