import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import { isFree } from '../../plans/domain/offer.ts';
import {
  addEffects,
  addNotice,
  beginChange,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
  refuse,
  updateState,
} from './decision.ts';
import { voidOpenRequest } from './payment-requests.ts';
import type { Cycle } from './period.ts';
import { MANAGED_BY_PROVIDER, unknownPlan } from './refusal.ts';
import type { SubscriptionState } from './state.ts';
import type { Subscription } from './subscription.ts';
import { placedOn } from './transitions.ts';
import { leaveTrial } from './trial-end.ts';

export type PlanAssignment = { plan: string; cycle: Cycle; reason: string; by: Actor };

/** Staff give an account any plan of the offered catalogue, without payment. */
export function decideAssignment(
  state: SubscriptionState,
  { plan, cycle, reason, by }: PlanAssignment,
  { now: at }: DecisionContext,
): Decision {
  const { subscription: current, offered } = state;
  if (current.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const target = findPlan(offered.catalogue, plan);
  if (target === undefined) return refuse(state, unknownPlan(plan, plansByRank(offered.catalogue)));
  const terms = {
    planKey: target.key,
    cycle: isFree(target) ? 'month' : cycle,
    catalogueVersionId: offered.id,
    complimentary: !isFree(target),
  };
  const subscription = placedOn(current, terms, at);
  if (hasSameTerms(current, subscription)) return keepSubscription(state);
  const voided = voidOpenRequest(beginChange(state), { at, by: by.actor, note: 'the plan was assigned' });
  const assigned = addNotice(updateState(leaveTrial(voided, at, false), { subscription }), {
    kind: 'plan_changed',
    at,
    data: { from: current.planKey, to: subscription.planKey, reason: 'assigned' },
  });
  return decide(
    addEffects(assigned, {
      kind: 'audit',
      entry: {
        by,
        at,
        action: 'plan.assigned',
        before: assignedTerms(current),
        after: assignedTerms(subscription),
        reason,
      },
    }),
  );
}

function hasSameTerms(one: Subscription, other: Subscription): boolean {
  const [terms, others] = [assignedTerms(one), assignedTerms(other)];
  return Object.keys(terms).every((name) => terms[name] === others[name]);
}

/** The terms that an assignment decides, as the audit log shows them. */
function assignedTerms(subscription: Subscription): Record<string, unknown> {
  return {
    plan: subscription.planKey,
    cycle: subscription.cycle,
    status: subscription.status,
    catalogue_version_id: subscription.catalogueVersionId,
    complimentary: subscription.complimentary,
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    scheduled_change: subscription.scheduledChange?.planKey ?? null,
  };
}
