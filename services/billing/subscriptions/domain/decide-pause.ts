import { unpaidPlanRefusal } from './decide-seats.ts';
import { decideUpgrade, requirePayment } from './decide-upgrade.ts';
import {
  addEvent,
  beginChange,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
  refuse,
  updateState,
} from './decision.ts';
import { requestRenewal } from './payment-requests.ts';
import { ownPlan } from './plan-change.ts';
import { MANAGED_BY_PROVIDER } from './refusal.ts';
import { type SubscriptionState, soldVersion } from './state.ts';
import { paused, unpaused } from './transitions.ts';

/** The paid period is served; then the account has the default plan, and no payment is requested. */
export function decidePause(state: SubscriptionState, context: DecisionContext): Decision {
  const { subscription } = state;
  const { now: at } = context;
  if (subscription.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  if (subscription.pausedTerms !== null) return keepSubscription(state);
  const refusal = unpaidPlanRefusal(state);
  if (refusal !== null) return refuse(state, refusal);
  if (subscription.cancelAtPeriodEnd) {
    return refuse(state, { code: 'plan_change_not_allowed', reason: 'cancelled' });
  }
  if (subscription.status === 'past_due') {
    return requirePayment(requestRenewal(beginChange(state), { at, note: 'replaced' }, context));
  }
  const change = updateState(beginChange(state), { subscription: paused(subscription) });
  const data = { plan: subscription.planKey, effective_at: subscription.currentPeriodEnd.toISOString() };
  return decide(addEvent(change, { kind: 'paused', at, data }));
}

/** Within the paid period nothing has to be paid. Afterwards the plan is back once its first period is paid. */
export function decideUnpause(state: SubscriptionState, by: string, context: DecisionContext): Decision {
  const { subscription } = state;
  const { pausedTerms: terms } = subscription;
  if (subscription.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  if (terms === null) return keepSubscription(state);
  const { catalogue } = soldVersion(state);
  if (ownPlan(subscription, soldVersion(state)).key === catalogue.defaultPlan) {
    const { planKey: plan, cycle, seats } = terms;
    return decideUpgrade(state, { plan, cycle, seats: seats ?? 1, by }, context);
  }
  const change = updateState(beginChange(state), {
    subscription: unpaused(subscription, soldVersion(state), context.graceMs),
  });
  return decide(addEvent(change, { kind: 'resumed', at: context.now, data: { plan: subscription.planKey } }));
}
