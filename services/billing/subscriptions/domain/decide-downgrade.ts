import { choosablePlans, findChoosablePlan } from '../../plans/domain/offer.ts';
import { keepScheduledMove, versionAtEnd } from './catalogue-move.ts';
import { type PlanChoice, requirePayment } from './decide-upgrade.ts';
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
import { requestRenewal, voidOpenRequest } from './payment-requests.ts';
import { ownPlan, planChangeOf } from './plan-change.ts';
import { directionRefusal, MANAGED_BY_PROVIDER, unknownPlan } from './refusal.ts';
import { type SubscriptionState, soldVersion } from './state.ts';
import type { ScheduledChange } from './subscription.ts';
import { cancelled, onDefaultPlan, resumed } from './transitions.ts';

/** A smaller plan starts when the period ends. While the current period is unpaid, its payment is required first. */
export function decideDowngrade(
  state: SubscriptionState,
  { plan, cycle, by }: PlanChoice,
  context: DecisionContext,
): Decision {
  const { subscription: current, offered } = state;
  const { now: at, graceMs } = context;
  if (current.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const sold = soldVersion(state);
  const target = findChoosablePlan(offered.catalogue, plan);
  if (target === undefined) return refuse(state, unknownPlan(plan, choosablePlans(offered.catalogue)));
  const change = planChangeOf({ subscription: current, sold, offered, target, cycle, now: at });
  if (change.direction !== 'downgrade' || change.refusal !== null) {
    return refuse(state, directionRefusal(change, 'downgrade'));
  }
  if (target.key === offered.catalogue.defaultPlan) return endPlan(state, by, context);
  if (current.status === 'past_due') {
    return requirePayment(requestRenewal(beginChange(state), { at, note: 'replaced' }, context));
  }
  const scheduledChange = {
    planKey: target.key,
    cycle: change.cycle,
    catalogueVersionId: change.version.id,
    movesTo: current.scheduledChange?.movesTo ?? null,
  };
  if (!current.cancelAtPeriodEnd && isSameChange(scheduledChange, current.scheduledChange)) {
    return keepSubscription(state);
  }
  const subscription = { ...resumed(current, sold, graceMs), scheduledChange };
  return decide(
    addEvent(updateState(beginChange(state), { subscription }), {
      kind: 'change_scheduled',
      at,
      data: {
        from: current.planKey,
        to: scheduledChange.planKey,
        cycle: scheduledChange.cycle,
        effective_at: current.currentPeriodEnd.toISOString(),
      },
    }),
  );
}

/** Ends the plan with its period, or at once where that period is unpaid. */
export function decideCancel(state: SubscriptionState, by: string, context: DecisionContext): Decision {
  const { subscription } = state;
  if (subscription.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const sold = soldVersion(state);
  if (subscription.status === 'trialing') {
    return refuse(state, { code: 'plan_change_not_allowed', reason: 'trial_ends_by_itself' });
  }
  if (ownPlan(subscription, sold).key === sold.catalogue.defaultPlan) {
    return refuse(state, { code: 'plan_change_not_allowed', reason: 'nothing_to_cancel' });
  }
  return endPlan(state, by, context);
}

function endPlan(state: SubscriptionState, by: string, { now: at }: DecisionContext): Decision {
  const { subscription: current, versions } = state;
  if (current.cancelAtPeriodEnd) return keepSubscription(state);
  if (current.status === 'past_due') {
    const subscription = onDefaultPlan(current, versionAtEnd(current, versions), at);
    const voided = voidOpenRequest(beginChange(state), { at, by, note: 'cancelled' });
    return decide(
      addEvent(updateState(voided, { subscription }), {
        kind: 'subscription_ended',
        at,
        data: { plan: current.planKey, next_plan: subscription.planKey, reason: 'cancelled' },
      }),
    );
  }
  const subscription = cancelled(current);
  return decide(
    addEvent(updateState(beginChange(state), { subscription }), {
      kind: 'cancellation_scheduled',
      at,
      data: { plan: current.planKey, effective_at: current.currentPeriodEnd.toISOString() },
    }),
  );
}

/** Withdraws a cancellation, or else a scheduled downgrade: one that was scheduled before a cancellation is due again. */
export function decideResume(state: SubscriptionState, { now: at, graceMs }: DecisionContext): Decision {
  const { subscription: current, versions } = state;
  if (current.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const withdrawn = resumed(current, soldVersion(state), graceMs);
  const subscription = current.cancelAtPeriodEnd
    ? { ...withdrawn, scheduledChange: current.scheduledChange }
    : keepScheduledMove(current, withdrawn, versions);
  if (!current.cancelAtPeriodEnd && isSameChange(subscription.scheduledChange, current.scheduledChange)) {
    return keepSubscription(state);
  }
  return decide(
    addEvent(updateState(beginChange(state), { subscription }), {
      kind: 'resumed',
      at,
      data: { plan: current.planKey },
    }),
  );
}

function isSameChange(one: ScheduledChange | null, other: ScheduledChange | null): boolean {
  return one?.planKey === other?.planKey && one?.cycle === other?.cycle;
}
