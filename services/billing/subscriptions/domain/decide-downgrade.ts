import { choosablePlans, findChoosablePlan } from '../../plans/domain/offer.ts';
import { keepScheduledMove, versionAtEnd } from './catalogue-move.ts';
import { type PlanChoice, requirePayment } from './decide-upgrade.ts';
import {
  addEvent,
  addNotice,
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
  if (target.key === offered.catalogue.defaultPlan) {
    return endPlan(state, { by, when: 'period_end' }, context);
  }
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
  const { scheduledSeats } = current;
  const subscription = { ...resumed(current, sold, graceMs), scheduledChange, scheduledSeats };
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

export type Cancellation = { by: string; when?: 'now' | 'period_end' };

/** Ends the plan with its period; at once where that is requested, and where the period is unpaid. */
export function decideCancel(
  state: SubscriptionState,
  { by, when = 'period_end' }: Cancellation,
  context: DecisionContext,
): Decision {
  const { subscription } = state;
  if (subscription.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const sold = soldVersion(state);
  if (subscription.status === 'trialing') {
    return refuse(state, { code: 'plan_change_not_allowed', reason: 'trial_ends_by_itself' });
  }
  if (ownPlan(subscription, sold).key === sold.catalogue.defaultPlan) {
    if (subscription.pausedTerms !== null) return endPause(state, by, context);
    return refuse(state, { code: 'plan_change_not_allowed', reason: 'nothing_to_cancel' });
  }
  return endPlan(state, { by, when }, context);
}

/** The plan of the pause has ended, and it does not return. */
function endPause(state: SubscriptionState, by: string, { now: at }: DecisionContext): Decision {
  const voided = voidOpenRequest(beginChange(state), { at, by, note: 'cancelled' });
  return decide(updateState(voided, { subscription: { ...state.subscription, pausedTerms: null } }));
}

function endPlan(
  state: SubscriptionState,
  { by, when }: Required<Cancellation>,
  { now: at }: DecisionContext,
): Decision {
  const { subscription: current, versions } = state;
  if (when === 'now' || current.status === 'past_due') {
    const subscription = onDefaultPlan(current, versionAtEnd(current, versions), at);
    const voided = voidOpenRequest(beginChange(state), { at, by, note: 'cancelled' });
    return decide(
      addNotice(updateState(voided, { subscription }), {
        kind: 'subscription_ended',
        at,
        data: { plan: current.planKey, next_plan: subscription.planKey, reason: 'cancelled' },
      }),
    );
  }
  if (current.cancelAtPeriodEnd) return keepSubscription(state);
  const subscription = cancelled(current);
  return decide(
    addEvent(updateState(beginChange(state), { subscription }), {
      kind: 'cancellation_scheduled',
      at,
      data: { plan: current.planKey, effective_at: current.currentPeriodEnd.toISOString() },
    }),
  );
}

/** Withdraws a cancellation, or else scheduled terms: those that were scheduled before a cancellation are due again. */
export function decideResume(state: SubscriptionState, { now: at, graceMs }: DecisionContext): Decision {
  const { subscription: current, versions } = state;
  if (current.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const withdrawn = resumed(current, soldVersion(state), graceMs);
  const subscription = current.cancelAtPeriodEnd
    ? { ...withdrawn, scheduledChange: current.scheduledChange, scheduledSeats: current.scheduledSeats }
    : keepScheduledMove(current, withdrawn, versions);
  const isSame =
    isSameChange(subscription.scheduledChange, current.scheduledChange) && current.scheduledSeats === null;
  if (!current.cancelAtPeriodEnd && isSame) return keepSubscription(state);
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
