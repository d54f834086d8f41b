import t from 'tap';
import { decideTrial } from './decide-trial.ts';
import { contextAt, free, kindsOf, paid, start, stateOf, trialingPro, version } from './decisions.fixture.ts';
import type { SubscriptionState } from './state.ts';

const startTrial = (state: SubscriptionState, plan: string) => decideTrial(state, plan, contextAt());

t.test('a trial starts at once and keeps the period', async (t) => {
  const decision = startTrial(stateOf(free), 'pro');
  const endsAt = new Date('2026-12-04T12:00:00.000Z');
  t.match(decision.subscription, {
    planKey: 'pro',
    status: 'trialing',
    trialEndsAt: endsAt,
    anchor: free.anchor,
    currentPeriodEnd: free.currentPeriodEnd,
  });
  t.strictSame(kindsOf(decision), ['trial_started', 'event:trial_started']);
  t.match(decision.effects[0], { trial: { id: 'new-1', planKey: 'pro', startedAt: start, endsAt } });
  t.match(decision.effects[1], { event: { subject: 'new-1' } });
});

t.test('starting the running trial again changes nothing', async (t) => {
  const decision = startTrial(stateOf(trialingPro), 'pro');
  t.strictSame([decision.outcome, decision.effects], [{ kind: 'unchanged' }, []]);
});

t.test('refused trials have no effects', async (t) => {
  const withoutTrials = {
    ...version,
    catalogue: {
      ...version.catalogue,
      plans: version.catalogue.plans.map((plan) => ({ ...plan, trialDays: 0 })),
    },
  };
  const cases: { name: string; state: SubscriptionState; plan: string; refusal: object }[] = [
    { name: 'unknown', state: stateOf(free), plan: 'platinum', refusal: { code: 'unknown_plan' } },
    {
      name: 'a second one',
      state: stateOf(free, { hasTried: true }),
      plan: 'pro',
      refusal: { reason: 'trial_used', plan: 'pro' },
    },
    {
      name: 'paid',
      state: stateOf(paid('starter')),
      plan: 'pro',
      refusal: { reason: 'not_on_default_plan' },
    },
    {
      name: 'trialing',
      state: stateOf(trialingPro),
      plan: 'starter',
      refusal: { reason: 'not_on_default_plan' },
    },
    { name: 'free plan', state: stateOf(free), plan: 'free', refusal: { reason: 'plan_without_trial' } },
    {
      name: 'no trial on offer',
      state: stateOf(free, { offered: withoutTrials }),
      plan: 'pro',
      refusal: { reason: 'plan_without_trial' },
    },
  ];
  for (const { name, state, plan, refusal } of cases) {
    const decision = startTrial(state, plan);
    t.match(decision.outcome, { kind: 'refused', refusal }, name);
    t.strictSame([decision.subscription, decision.effects], [state.subscription, []], name);
  }
});
