/** Transitions of a subscription. Each function returns the subscription afterwards. */
import type { PaymentDraft } from '../../payments/domain.ts';
import { isFree, priceMinorOf } from '../../plans/domain/offer.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from './period.ts';
import { ownPlan } from './plan-change.ts';
import {
  type CatalogueVersion,
  type PausedTerms,
  paidSeatsOf,
  type Subscription,
  storedSeats,
} from './subscription.ts';

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
  seats: null,
  scheduledSeats: null,
  pausedTerms: null,
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
  bought: Pick<PaymentDraft, 'kind' | 'planKey' | 'cycle' | 'catalogueVersionId' | 'seats'>,
  { startsAt, graceMs }: { startsAt: Date; graceMs: number },
): Subscription {
  const { kind, planKey, cycle, catalogueVersionId, seats } = bought;
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
    seats,
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
  return (priceMinorOf(plan, subscription.cycle) ?? 0) * paidSeatsOf(subscription);
}

/** Ending with the period. Scheduled terms stay, for the case that the cancellation is withdrawn. */
export function cancelled(subscription: Subscription): Subscription {
  const { currentPeriodEnd: accessEndsAt } = subscription;
  return { ...subscription, cancelAtPeriodEnd: true, pausedTerms: null, accessEndsAt };
}

/** Without its cancellation and scheduled terms. See `keepScheduledMove` for a move to another catalogue version. */
export function resumed(subscription: Subscription, sold: CatalogueVersion, graceMs: number): Subscription {
  return {
    ...subscription,
    cancelAtPeriodEnd: false,
    accessEndsAt: paidAccessEnd(subscription, sold, graceMs),
    scheduledChange: null,
    scheduledSeats: null,
  };
}

/** When access ends unless the next period is paid; null for a plan that renews without payment. */
function paidAccessEnd(subscription: Subscription, sold: CatalogueVersion, graceMs: number): Date | null {
  const { currentPeriodEnd, pausedTerms } = subscription;
  if (pausedTerms !== null) return currentPeriodEnd;
  return renewalMinorOf(subscription, sold) > 0 ? later(currentPeriodEnd, graceMs) : null;
}

/** Served to the end of what is paid. The next period is not charged, and does not begin. */
export function paused(subscription: Subscription): Subscription {
  const pausedTerms = nextTermsOf(subscription);
  return { ...subscription, pausedTerms, accessEndsAt: subscription.currentPeriodEnd };
}

/** Collected again from the next period on, which has not begun yet. */
export function unpaused(subscription: Subscription, sold: CatalogueVersion, graceMs: number): Subscription {
  const collected = { ...subscription, pausedTerms: null };
  return { ...collected, accessEndsAt: paidAccessEnd(collected, sold, graceMs) };
}

/** What the next period would be charged for. */
export function nextTermsOf(subscription: Subscription): PausedTerms {
  const { planKey, cycle } = subscription.scheduledChange ?? subscription;
  return { planKey, cycle, seats: nextSeatsOf(subscription) };
}

export function nextSeatsOf({ seats, scheduledSeats }: Subscription): number | null {
  return scheduledSeats === null ? seats : storedSeats(scheduledSeats);
}

export function later(instant: Date, byMs: number): Date {
  return new Date(instant.getTime() + byMs);
}

export function daysLater(instant: Date, days: number): Date {
  return later(instant, days * MS_PER_DAY);
}
