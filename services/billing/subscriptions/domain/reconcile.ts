/** What time has done to a subscription. */
import { findPlan } from '#libs/catalogue/plans.ts';
import { defaultPlanOf, isFree } from '../../plans/domain/offer.ts';
import { versionAtEnd } from './catalogue-move.ts';
import {
  addEvent,
  addNotice,
  beginChange,
  type Change,
  type DecisionContext,
  updateState,
} from './decision.ts';
import { requestRenewal, resolveRequest, SYSTEM_ACTOR, voidOpenRequest } from './payment-requests.ts';
import { MONTHS_PER_CYCLE, periodAt } from './period.ts';
import { openRequestOf, type SubscriptionState, type Versions, versionIn } from './state.ts';
import { paidSeatsOf, type Subscription } from './subscription.ts';
import { nextSeatsOf, nextTermsOf, onDefaultPlan, rolledOn } from './transitions.ts';
import { endTrial } from './trial-end.ts';

/** Whether the subscription does not yet show a change that time has caused. */
export function isDue({ currentPeriodEnd, trialEndsAt, accessEndsAt }: Subscription, now: Date): boolean {
  return [currentPeriodEnd, trialEndsAt, accessEndsAt].some((instant) => instant !== null && instant <= now);
}

/**
 * Brings a subscription up to date: ends trials and plans, voids expired payment requests, starts new periods. A new
 * period is never taken as paid: its payment is requested. Reconciling again changes nothing.
 */
export function reconcileSubscription(state: SubscriptionState, context: DecisionContext): Change {
  let change = voidExpiredRequest(beginChange(state), context.now);
  while (isDue(change.state.subscription, context.now) && !isForProvider(change, context)) {
    change = nextStep(change, context);
  }
  return change;
}

/** Whether the access to a plan that the provider renews seems over, and the provider has yet to confirm that. */
export function isLapsed({ externalId, accessEndsAt }: Subscription, now: Date): boolean {
  return externalId !== null && accessEndsAt !== null && accessEndsAt <= now;
}

function isForProvider({ state: { subscription } }: Change, { now, endsLapsed }: DecisionContext): boolean {
  return !endsLapsed && isLapsed(subscription, now);
}

function nextStep(change: Change, context: DecisionContext): Change {
  const { trialEndsAt, accessEndsAt, externalId } = change.state.subscription;
  const isExternal = externalId !== null;
  if (trialEndsAt !== null && trialEndsAt <= context.now) {
    return isExternal ? beginPaidPeriod(change, trialEndsAt) : endTrialPlan(change, trialEndsAt);
  }
  if (accessEndsAt !== null && accessEndsAt <= context.now) return endAccess(change, accessEndsAt);
  return isExternal ? rollOnExternal(change, context.now) : renew(change, context);
}

/** The payment provider charges for the period after the trial. Access expires unless that payment is reported. */
function beginPaidPeriod(change: Change, at: Date): Change {
  const { subscription } = change.state;
  const { start, end } = periodAt(at, MONTHS_PER_CYCLE[subscription.cycle], at);
  const paid = { anchor: at, currentPeriodStart: start, currentPeriodEnd: end };
  const ended = endTrial(change, at, { next_plan: subscription.planKey, converted: true });
  return updateState(ended, {
    subscription: { ...subscription, ...paid, status: 'active', trialEndsAt: null },
  });
}

/** In the current period, whose payment the provider has yet to report. */
function rollOnExternal(change: Change, now: Date): Change {
  const { subscription: current, versions } = change.state;
  const renewing = { ...withScheduledChange(current, versions), accessEndsAt: current.accessEndsAt };
  const { start, end } = periodAt(renewing.anchor, MONTHS_PER_CYCLE[renewing.cycle], now);
  const subscription = { ...renewing, currentPeriodStart: start, currentPeriodEnd: end };
  return withPlanChange(updateState(change, { subscription }), current, current.currentPeriodEnd);
}

function voidExpiredRequest(change: Change, now: Date): Change {
  const open = openRequestOf(change.state);
  if (open === undefined || open.expiresAt > now) return change;
  return resolveRequest(change, open, 'void', {
    at: open.expiresAt,
    by: SYSTEM_ACTOR,
    note: 'not paid in time',
  });
}

function endTrialPlan(change: Change, at: Date): Change {
  const { subscription, versions } = change.state;
  const next = onDefaultPlan(subscription, versionAtEnd(subscription, versions), at);
  const ended = endTrial(change, at, { next_plan: next.planKey, converted: false });
  return updateState(ended, { subscription: next });
}

function endAccess(change: Change, at: Date): Change {
  const { subscription, versions } = change.state;
  const isPaused = subscription.pausedTerms !== null;
  const reason = isPaused ? 'paused' : subscription.cancelAtPeriodEnd ? 'cancelled' : 'payment_overdue';
  const voided = voidOpenRequest(change, { at, by: SYSTEM_ACTOR, note: reason });
  const ended = onDefaultPlan(subscription, versionAtEnd(subscription, versions), at);
  const next = isPaused ? { ...ended, pausedTerms: nextTermsOf(subscription) } : ended;
  return addNotice(updateState(voided, { subscription: next }), {
    kind: 'subscription_ended',
    at,
    data: { plan: subscription.planKey, next_plan: next.planKey, reason },
  });
}

function renew(change: Change, context: DecisionContext): Change {
  const { subscription: current, versions } = change.state;
  const at = current.currentPeriodEnd;
  const { subscription, owedMinor } = nextPeriodOf(current, versions, context);
  const rolled = updateState(change, { subscription });
  // An unpaid upgrade was priced for the period that has ended.
  const renewed =
    owedMinor > 0 ? requestRenewal(rolled, { at, note: 'the period has ended' }, context) : rolled;
  return withSeatsChange(withPlanChange(renewed, current, at), current, at);
}

/** The subscription once its period has ended, and what is owed for the next one. */
export function nextPeriodOf(
  current: Subscription,
  versions: Versions,
  { graceMs, now }: Pick<DecisionContext, 'graceMs' | 'now'>,
): { subscription: Subscription; owedMinor: number } {
  const changed = withScheduledChange(current, versions);
  const renewing = { ...changed, seats: nextSeatsOf(current), scheduledSeats: null };
  return rolledOn(renewing, versionIn(versions, renewing.catalogueVersionId), graceMs, now);
}

function withSeatsChange(change: Change, before: Subscription, at: Date): Change {
  const [seats, seatsBefore] = [paidSeatsOf(change.state.subscription), paidSeatsOf(before)];
  if (seats === seatsBefore) return change;
  return addEvent(change, { kind: 'seats_changed', at, data: { seats, before: seatsBefore } });
}

function withPlanChange(change: Change, before: Subscription, at: Date): Change {
  const { planKey } = change.state.subscription;
  if (planKey === before.planKey) return change;
  return addNotice(change, {
    kind: 'plan_changed',
    at,
    data: { from: before.planKey, to: planKey, reason: 'scheduled' },
  });
}

function withScheduledChange(current: Subscription, versions: Versions): Subscription {
  const { scheduledChange: change } = current;
  if (change === null) return current;
  const { catalogue } = versionIn(versions, change.catalogueVersionId);
  const plan = findPlan(catalogue, change.planKey) ?? defaultPlanOf(catalogue);
  return {
    ...current,
    planKey: plan.key,
    cycle: change.cycle,
    catalogueVersionId: change.catalogueVersionId,
    // An assigned plan stays free of charge in a smaller plan, and in the plan's successor.
    complimentary: current.complimentary && !isFree(plan),
    accessEndsAt: null,
    scheduledChange: null,
  };
}
