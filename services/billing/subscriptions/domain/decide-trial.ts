import { choosablePlans, findChoosablePlan } from '../../plans/domain/offer.ts';
import { canStartTrial, plansWithTrial } from '../../trials/domain.ts';
import {
  addEffects,
  addEvent,
  beginChange,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
  refuse,
  updateState,
} from './decision.ts';
import { type TrialRefusalReason, unknownPlan } from './refusal.ts';
import { type SubscriptionState, soldVersion } from './state.ts';
import { daysLater, trialing } from './transitions.ts';

/** Starts a trial. Starting the running one again changes nothing. */
export function decideTrial(
  state: SubscriptionState,
  name: string,
  { now, newId }: DecisionContext,
): Decision {
  const { subscription, offered } = state;
  const plan = findChoosablePlan(offered.catalogue, name);
  if (plan === undefined) return refuse(state, unknownPlan(name, choosablePlans(offered.catalogue)));
  if (subscription.status === 'trialing' && subscription.planKey === plan.key) return keepSubscription(state);
  const refuseTrial = (reason: TrialRefusalReason) =>
    refuse(state, { code: 'trial_not_available', reason, plan: plan.key });
  if (!canStartTrial(subscription, soldVersion(state))) return refuseTrial('not_on_default_plan');
  if (!plansWithTrial(offered.catalogue).includes(plan)) return refuseTrial('plan_without_trial');
  if (state.hasTried) return refuseTrial('trial_used');
  const trial = {
    id: newId(),
    accountId: subscription.accountId,
    catalogueVersionId: offered.id,
    planKey: plan.key,
    startedAt: now,
    endsAt: daysLater(now, plan.trialDays),
  };
  const started = addEffects(beginChange(state), { kind: 'trial_started', trial });
  return decide(
    addEvent(updateState(started, { subscription: trialing(subscription, trial) }), {
      kind: 'trial_started',
      subject: trial.id,
      at: now,
      data: { plan: plan.key, ends_at: trial.endsAt.toISOString() },
    }),
  );
}
