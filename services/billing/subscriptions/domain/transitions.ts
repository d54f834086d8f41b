/** Transitions of a subscription. Each function returns the subscription afterwards. */
import type { PaymentDraft } from '../../payments/domain.ts';
import { isFree, priceMinorOf } from '../../plans/domain/offer.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from './period.ts';
import { ownPlan } from './plan-change.ts';
import type { CatalogueVersion, Subscription } from './subscription.ts';

export const MS_PER_DAY = 86_400_000;

/** The fields that a new plan resets. */
const UNBOUND = {
  status: 'active',
  cancelAtPeriodEnd: false,
  trialEndsAt: null,
  accessEndsAt: null,
  complimentary: false,
  externalId: null,
  scheduledChange: null,
  periodPaidMinor: null,
} as const satisfies Partial<Subscription>;

/** On a plan without payment. Usage in the current period stays counted. */
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

/** Back on the default plan. */
export function onDefaultPlan(subscription: Subscription, sold: CatalogueVersion, at: Date): Subscription {
  const planKey = sold.catalogue.defaultPlan;
  return placedOn(
    subscription,
    { planKey, cycle: 'month', catalogueVersionId: sold.id, complimentary: false },
    at,
  );
}

/** In a trial. Nothing is sold, so no new period begins. */
export function trialing(
  subscription: Subscription,
  trial: { planKey: string; catalogueVersionId: string; endsAt: Date },
): Subscription {
  const { planKey, catalogueVersionId, endsAt: trialEndsAt } = trial;
  return { ...subscription, ...UNBOUND, status: 'trialing', planKey, catalogueVersionId, trialEndsAt };
}

/**
 * With the plan that a payment bought. Access expires after the grace period of the next renewal, even if no job runs.
 *
 * @param startsAt start of the period, for a payment that begins a new one.
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

/** In the next period, which is unpaid where the plan has a price. */
export function rolledOn(
  subscription: Subscription,
  sold: CatalogueVersion,
  graceMs: number,
  now: Date,
): { subscription: Subscription; owedMinor: number } {
  const months = MONTHS_PER_CYCLE[subscription.cycle];
  const owedMinor = renewalMinorOf(subscription, sold);
  // A plan with a price renews period by period; a free one skips to the current period.
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

/** The price of the next period; 0 for a free, tried or assigned plan, and for one with a negotiated price. */
export function renewalMinorOf(subscription: Subscription, sold: CatalogueVersion): number {
  const plan = ownPlan(subscription, sold);
  if (subscription.complimentary || isFree(plan)) return 0;
  return priceMinorOf(plan, subscription.cycle) ?? 0;
}

/** Ending with the period. A scheduled change stays, for the case that the cancellation is withdrawn. */
export function cancelled(subscription: Subscription): Subscription {
  return { ...subscription, cancelAtPeriodEnd: true, accessEndsAt: subscription.currentPeriodEnd };
}

/** Without its cancellation or scheduled change. See `keepScheduledMove` for a move to another catalogue version. */
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
