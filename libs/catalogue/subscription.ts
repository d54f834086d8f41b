import { type AccountOverride, overrideSource, overridesInForce } from './overrides.ts';
import { findPlan } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

export const SUBSCRIPTION_STATUSES = ['active', 'trialing', 'past_due', 'cancelled', 'suspended'] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

/** The part of a subscription that entitlements depend on. */
export interface SubscriptionState {
  readonly planKey: string;
  readonly status: SubscriptionStatus;
  /** Exclusive end of a trial, whether or not a job has processed it. */
  readonly trialEndsAt: Date | null;
  /** When the plan ends: with a cancelled period, or with the grace period of a late payment. Precedes the trial's end. */
  readonly accessEndsAt: Date | null;
}

export interface PlanInForce {
  readonly plan: Plan;
  /** `subscription`, `override:<id>`, or the reason for the default plan: `trial_ended`, `subscription_ended`, … */
  readonly source: string;
}

/** The plan of an account at an instant. After its subscription has ended, it is the default plan of the catalogue. */
export function planInForce(
  catalogue: Catalogue,
  subscription: SubscriptionState,
  overrides: readonly AccountOverride[],
  at: Date,
): PlanInForce {
  const change = overridesInForce(overrides, 'plan_change', at)
    .map((override) => ({ plan: findPlan(catalogue, override.plan), source: overrideSource(override) }))
    .findLast((candidate): candidate is PlanInForce => candidate.plan !== undefined);
  if (change !== undefined) return change;

  const lost = endReasonOf(subscription, at);
  if (lost !== undefined) return { plan: defaultPlan(catalogue), source: lost };
  const plan = findPlan(catalogue, subscription.planKey);
  return plan === undefined
    ? { plan: defaultPlan(catalogue), source: 'plan_not_in_catalogue' }
    : { plan, source: 'subscription' };
}

/** The instants at which the plan in force changes by time alone. */
export function subscriptionBoundaries({ status, trialEndsAt, accessEndsAt }: SubscriptionState): Date[] {
  const trialEnd = status === 'trialing' && accessEndsAt === null ? trialEndsAt : null;
  return [trialEnd, accessEndsAt].filter((instant) => instant !== null);
}

function endReasonOf({ status, trialEndsAt, accessEndsAt }: SubscriptionState, at: Date): string | undefined {
  // A trial that a payment provider renews goes on until its first payment is overdue.
  if (status === 'trialing' && accessEndsAt === null && trialEndsAt !== null && trialEndsAt <= at)
    return 'trial_ended';
  if (accessEndsAt !== null && accessEndsAt <= at)
    return status === 'past_due' ? 'payment_overdue' : 'subscription_ended';
  return status === 'cancelled' && accessEndsAt === null ? 'subscription_ended' : undefined;
}

function defaultPlan(catalogue: Catalogue): Plan {
  const plan = findPlan(catalogue, catalogue.defaultPlan);
  if (plan === undefined) throw new RangeError(`the catalogue ${catalogue.id} has no default plan`);
  return plan;
}
