/** What a move to another plan means: its direction, when it takes effect, and its price. */
import { findPlan } from '#libs/catalogue/plans.ts';
import type { Plan } from '#libs/catalogue/schema.ts';
import { divide, type Rounding } from '#libs/money/money.ts';
import type { PaymentKind } from '../../payments/domain.ts';
import { defaultPlanOf, isFree, priceMinorOf } from '../../plans/domain/offer.ts';
import { type Cycle, MONTHS_PER_CYCLE } from './period.ts';
import { type CatalogueVersion, paidSeatsOf, type Subscription } from './subscription.ts';

export type PlanChangeRefusal =
  | 'already_on_plan'
  | 'contact_sales'
  | 'cycle_not_sold'
  /** A paid year cannot become a month before it ends. */
  | 'cycle_too_short'
  | 'same_rank';

/** The amounts for the rest of a paid period, by seconds. */
export type Proration = {
  periodSeconds: number;
  remainingSeconds: number;
  /** The price of the new plan for the rest of the period, rounded up to minor units. */
  chargeMinor: number;
  /** The unused part of the amount that is paid already, rounded down. */
  creditMinor: number;
};

export type PlanChange = {
  direction: 'upgrade' | 'downgrade' | 'same';
  target: Plan;
  version: CatalogueVersion;
  cycle: Cycle;
  /** Seats of the plan afterwards. */
  seats: number;
  /** Why the customer cannot make it; null where they can. */
  refusal: PlanChangeRefusal | null;
  /** Null where it is refused. */
  effective: 'now' | 'on_payment' | 'period_end' | null;
  effectiveAt: Date | null;
  /** To be paid before an upgrade; null where the change is free. */
  payment: { kind: Exclude<PaymentKind, 'renewal'>; amountMinor: number } | null;
  /** The price of each later period; null where it is negotiated. */
  recurringMinor: number | null;
  proration: Proration | null;
};

export type PlanChangeQuery = {
  subscription: Subscription;
  /** The version that the subscription was sold under. */
  sold: CatalogueVersion;
  /** The version that the target belongs to. */
  offered: CatalogueVersion;
  target: Plan;
  cycle: Cycle | undefined;
  /** Those of the subscription by default. */
  seats?: number | undefined;
  now: Date;
};

/** The plan that the account subscribes to. During a trial that is the default plan. */
export function ownPlan(subscription: Subscription, { catalogue }: CatalogueVersion): Plan {
  const own = subscription.status === 'trialing' ? undefined : findPlan(catalogue, subscription.planKey);
  return own ?? defaultPlanOf(catalogue);
}

/** The amount paid for the current period in minor units; 0 for a free, assigned, tried or unpaid plan. */
export function paidMinorOf(subscription: Subscription, sold: CatalogueVersion): number {
  if (subscription.status !== 'active' || subscription.complimentary) return 0;
  const { periodPaidMinor, cycle } = subscription;
  return periodPaidMinor ?? seatsPriceOf(ownPlan(subscription, sold), cycle, paidSeatsOf(subscription)) ?? 0;
}

/** The price of one cycle for this many seats. */
function seatsPriceOf(plan: Plan, cycle: Cycle, seats: number): number | null {
  const priceMinor = priceMinorOf(plan, cycle);
  return priceMinor === null ? null : priceMinor * seats;
}

export function planChangeOf(query: PlanChangeQuery): PlanChange {
  const { subscription, sold, offered, target, now } = query;
  const own = ownPlan(subscription, sold);
  const paidMinor = paidMinorOf(subscription, sold);
  const cycle = isFree(target) ? 'month' : (query.cycle ?? (paidMinor > 0 ? subscription.cycle : 'month'));
  const seats = query.seats ?? paidSeatsOf(subscription);
  const recurringMinor = isFree(target) ? 0 : seatsPriceOf(target, cycle, seats);
  const direction = directionOf(own, target, subscription, paidMinor > 0 ? cycle : subscription.cycle);
  const change: PlanChange = {
    direction,
    target,
    version: offered,
    cycle,
    seats,
    refusal: null,
    effective: null,
    effectiveAt: null,
    payment: null,
    recurringMinor,
    proration: null,
  };
  if (direction === 'same') {
    return { ...change, refusal: own.key === target.key ? 'already_on_plan' : 'same_rank' };
  }
  if (recurringMinor === null) {
    return { ...change, refusal: target.price.monthlyMinor === null ? 'contact_sales' : 'cycle_not_sold' };
  }
  if (direction === 'downgrade') {
    return { ...change, effective: 'period_end', effectiveAt: subscription.currentPeriodEnd };
  }
  if (recurringMinor === 0) return { ...change, effective: 'now', effectiveAt: now };
  if (paidMinor === 0) {
    return {
      ...change,
      effective: 'on_payment',
      payment: { kind: 'new_period', amountMinor: recurringMinor },
    };
  }
  if (isShorter(cycle, subscription.cycle)) return { ...change, refusal: 'cycle_too_short' };
  return { ...change, ...prorated(subscription, paidMinor, cycle, recurringMinor, now) };
}

/** More or fewer seats of the plan that the account pays for, at the price it was sold for. */
export function seatChangeOf({
  subscription,
  sold,
  seats,
  now,
}: Pick<PlanChangeQuery, 'subscription' | 'sold' | 'now'> & { seats: number }): PlanChange {
  const { cycle, currentPeriodEnd: effectiveAt } = subscription;
  const target = ownPlan(subscription, sold);
  const recurringMinor = seatsPriceOf(target, cycle, seats) ?? 0;
  const paidMinor = paidMinorOf(subscription, sold);
  const terms = { target, version: sold, cycle, seats, refusal: null, recurringMinor };
  if (seats <= paidSeatsOf(subscription)) {
    const unpaid = { payment: null, proration: null };
    return { ...terms, ...unpaid, direction: 'downgrade', effective: 'period_end', effectiveAt };
  }
  return { ...terms, direction: 'upgrade', ...prorated(subscription, paidMinor, cycle, recurringMinor, now) };
}

function directionOf(own: Plan, target: Plan, subscription: Subscription, cycle: Cycle) {
  if (own.key !== target.key) {
    if (own.rank === target.rank) return 'same';
    return own.rank < target.rank ? 'upgrade' : 'downgrade';
  }
  if (cycle === subscription.cycle) return 'same';
  return isShorter(cycle, subscription.cycle) ? 'downgrade' : 'upgrade';
}

function isShorter(one: Cycle, other: Cycle): boolean {
  return MONTHS_PER_CYCLE[one] < MONTHS_PER_CYCLE[other];
}

function prorated(
  subscription: Subscription,
  paidMinor: number,
  cycle: Cycle,
  priceMinor: number,
  now: Date,
): Pick<PlanChange, 'effective' | 'effectiveAt' | 'payment' | 'proration'> {
  const { currentPeriodStart: start, currentPeriodEnd: end } = subscription;
  const periodSeconds = secondsBetween(start, end);
  // A second that has begun is charged.
  const remainingSeconds = Math.min(secondsBetween(now, end), periodSeconds);
  const share = (minor: number, rounding: Rounding) =>
    Number(divide(BigInt(minor) * BigInt(remainingSeconds), BigInt(periodSeconds), rounding));
  const isSameCycle = cycle === subscription.cycle;
  const chargeMinor = isSameCycle ? share(priceMinor, 'up') : priceMinor;
  const creditMinor = share(paidMinor, 'down');
  const amountMinor = Math.max(chargeMinor - creditMinor, 0);
  return {
    effective: amountMinor > 0 ? 'on_payment' : 'now',
    effectiveAt: amountMinor > 0 ? null : now,
    payment: { kind: isSameCycle ? 'rest_of_period' : 'new_period', amountMinor },
    proration: { periodSeconds, remainingSeconds, chargeMinor, creditMinor },
  };
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(Math.ceil((to.getTime() - from.getTime()) / 1000), 0);
}
