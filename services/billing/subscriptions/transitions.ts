/** How a subscription becomes another one. Each returns the subscription to be and changes nothing. */

import type { PaymentDraft } from '../payments/domain.ts';
import { isFree, priceMinorOf } from '../plans/offer.ts';
import type { CatalogueVersion, Subscription } from './domain.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from './period.ts';
import { ownPlan } from './plan-change.ts';

const MS_PER_DAY = 86_400_000;

/** What no plan carries over to the next. */
const UNBOUND = {
  status: 'active',
  cancelAtPeriodEnd: false,
  trialEndsAt: null,
  accessEndsAt: null,
  complimentary: false,
  scheduledChange: null,
  periodPaidMinor: null,
} as const satisfies Partial<Subscription>;

/** On a plan that costs this account nothing. What was used in the running period stays used. */
export function placedOn(
  subscription: Subscription,
  plan: { planKey: string; cycle: Cycle; catalogueVersionId: string; complimentary: boolean },
  at: Date,
): Subscription {
  const period = periodAt(subscription.anchor, MONTHS_PER_CYCLE[plan.cycle], at);
  return {
    ...subscription,
    ...UNBOUND,
    ...plan,
    currentPeriodStart: period.start,
    currentPeriodEnd: period.end,
  };
}

/** Back on the plan that everybody has. */
export function onDefaultPlan(subscription: Subscription, sold: CatalogueVersion, at: Date): Subscription {
  const planKey = sold.catalogue.defaultPlan;
  return placedOn(
    subscription,
    { planKey, cycle: 'month', catalogueVersionId: sold.id, complimentary: false },
    at,
  );
}

/** Nothing is sold by a trial, so no period begins. */
export function trying(
  subscription: Subscription,
  trial: { planKey: string; catalogueVersionId: string; endsAt: Date },
): Subscription {
  const { planKey, catalogueVersionId, endsAt: trialEndsAt } = trial;
  return { ...subscription, ...UNBOUND, status: 'trialing', planKey, catalogueVersionId, trialEndsAt };
}

/**
 * With what a payment bought. Access lasts until the patience with the next payment ends, so that nobody keeps a plan
 * because a job did not run.
 *
 * @param startsAt where a new period begins.
 */
export function paidFor(
  subscription: Subscription,
  bought: Pick<PaymentDraft, 'kind' | 'planKey' | 'cycle' | 'catalogueVersionId'>,
  { startsAt, graceMs }: { startsAt: Date; graceMs: number },
): Subscription {
  const { kind, planKey, cycle, catalogueVersionId } = bought;
  const anchor = kind === 'new_period' ? startsAt : subscription.anchor;
  const { start, end } =
    kind === 'new_period'
      ? periodAt(anchor, MONTHS_PER_CYCLE[cycle], anchor)
      : { start: subscription.currentPeriodStart, end: subscription.currentPeriodEnd };
  return {
    ...subscription,
    ...UNBOUND,
    planKey,
    cycle,
    catalogueVersionId,
    anchor,
    currentPeriodStart: start,
    currentPeriodEnd: end,
    accessEndsAt: later(end, graceMs),
  };
}

/** In the period after the one that has ended: owed where the plan has a price. */
export function rolledOn(
  subscription: Subscription,
  sold: CatalogueVersion,
  graceMs: number,
  now: Date,
): { subscription: Subscription; owedMinor: number } {
  const months = MONTHS_PER_CYCLE[subscription.cycle];
  const owedMinor = renewalMinorOf(subscription, sold);
  // What is owed is owed period by period; what is free simply goes on.
  const period = periodAt(subscription.anchor, months, owedMinor > 0 ? subscription.currentPeriodEnd : now);
  const next = {
    ...subscription,
    currentPeriodStart: period.start,
    currentPeriodEnd: period.end,
    periodPaidMinor: null,
  };
  if (owedMinor === 0) return { subscription: next, owedMinor };
  const accessEndsAt = later(period.start, graceMs);
  return { subscription: { ...next, status: 'past_due', accessEndsAt }, owedMinor };
}

/** What the next period costs; 0 for a plan that is free, tried, given, or sold by negotiation. */
export function renewalMinorOf(subscription: Subscription, sold: CatalogueVersion): number {
  const plan = ownPlan(subscription, sold);
  if (subscription.complimentary || isFree(plan)) return 0;
  return priceMinorOf(plan, subscription.cycle) ?? 0;
}

/** At the end of the period, without another payment. */
export function cancelled(subscription: Subscription): Subscription {
  return {
    ...subscription,
    cancelAtPeriodEnd: true,
    accessEndsAt: subscription.currentPeriodEnd,
    scheduledChange: null,
  };
}

/** As if it had never been cancelled or moved down. Where it is to be on another catalogue version, see `stillMoving`. */
export function resumed(subscription: Subscription, sold: CatalogueVersion, graceMs: number): Subscription {
  const isPaid = renewalMinorOf(subscription, sold) > 0;
  return {
    ...subscription,
    cancelAtPeriodEnd: false,
    accessEndsAt: isPaid ? later(subscription.currentPeriodEnd, graceMs) : null,
    scheduledChange: null,
  };
}

export function later(instant: Date, byMs: number): Date {
  return new Date(instant.getTime() + byMs);
}

export function daysLater(instant: Date, days: number): Date {
  return later(instant, days * MS_PER_DAY);
}
