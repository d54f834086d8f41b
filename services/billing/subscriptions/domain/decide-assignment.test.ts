import t from 'tap';
import { decideAssignment } from './decide-assignment.ts';
import { contextAt, free, kindsOf, paid, requestOf, stateOf, trialingPro } from './decisions.fixture.ts';
import type { SubscriptionState } from './state.ts';

const by = { actor: 'staff-1', requestId: 'r-1' };
const assign = (state: SubscriptionState, plan: string, cycle: 'month' | 'year' = 'month') =>
  decideAssignment(state, { plan, cycle, reason: 'Partner', by }, contextAt());

t.test('an assigned plan is active at once, free of charge, and audited', async (t) => {
  const decision = assign(stateOf(free, { paymentRequests: [requestOf()] }), 'enterprise', 'year');
  t.match(decision.subscription, {
    planKey: 'enterprise',
    cycle: 'year',
    status: 'active',
    complimentary: true,
    accessEndsAt: null,
  });
  t.strictSame(kindsOf(decision), [
    'payment_resolved',
    'event:payment_voided',
    'notice:plan_changed',
    'audit',
  ]);
  t.match(decision.effects.at(-1), {
    entry: { by, before: { plan: 'free' }, after: { plan: 'enterprise' }, reason: 'Partner' },
  });
});

t.test('an assigned free plan is a monthly one and not complimentary', async (t) => {
  const decision = assign(stateOf(paid('pro')), 'free', 'year');
  t.match(decision.subscription, { planKey: 'free', cycle: 'month', complimentary: false });
});

t.test('an assignment ends a trial', async (t) => {
  const decision = assign(stateOf(trialingPro), 'pro');
  t.match(decision.subscription, { status: 'active', trialEndsAt: null });
  t.strictSame(kindsOf(decision), ['trial_ended', 'event:trial_ended', 'notice:plan_changed', 'audit']);
});

t.test('assigning the same terms again changes nothing', async (t) => {
  const { subscription } = assign(stateOf(free), 'pro');
  const again = assign(stateOf(subscription), 'pro');
  t.strictSame([again.outcome, again.effects], [{ kind: 'unchanged' }, []]);
});

t.test('an unknown plan is refused with all plans of the catalogue', async (t) => {
  const { outcome } = assign(stateOf(free), 'platinum');
  t.match(outcome, {
    refusal: {
      code: 'unknown_plan',
      availablePlans: [{ key: 'free' }, { key: 'starter' }, { key: 'pro' }, { key: 'enterprise' }],
    },
  });
});
