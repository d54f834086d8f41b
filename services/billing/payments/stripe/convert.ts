/** Stripe's objects in the terms of billing. Pure; enums are open. */
import { isDeepStrictEqual } from 'node:util';
import type Stripe from 'stripe';
import type { ExternalSubscription } from '../../subscriptions/domain/external-subscription.ts';
import { idOf, instantOf } from './client.ts';
import { type PlanPrice, planOf } from './prices.ts';

/** Reasons of invoices that pay for a whole period. */
const PERIOD_REASONS: readonly (string | null)[] = ['subscription_create', 'subscription_cycle'];
const UNPAID_STATUSES: readonly (string | null)[] = ['draft', 'open', 'uncollectible', 'void'];

/**
 * The item with the plan. Others, such as an add-on that staff sell at Stripe, are invoiced with it and stay as they are.
 *
 * @throws RangeError for a subscription without items, which Stripe does not have.
 */
export function planItemOf({ id, items }: Stripe.Subscription): Stripe.SubscriptionItem {
  const item = items.data.find(({ price }) => planOf(price) !== null) ?? items.data[0];
  if (item === undefined) throw new RangeError(`The subscription ${id} has no items.`);
  return item;
}

/** The same item of a phase, whose prices are read one by one. */
export async function scheduledPlanItem(
  { items }: { items: readonly { price: string | { id: string }; quantity?: number }[] },
  readPrice: (id: string) => Promise<Stripe.Price>,
): Promise<{ price: Stripe.Price; quantity: number } | undefined> {
  const found: { price: Stripe.Price; quantity: number }[] = [];
  for (const { price: reference, quantity } of items) {
    const item = { price: await readPrice(idOf(reference)), quantity: quantity ?? 1 };
    if (planOf(item.price) !== null) return item;
    found.push(item);
  }
  return found[0];
}

/** What is in force from the end of the period on. */
export type ScheduledTerms = { plan: PlanPrice | null; quantity: number };

/** @param invoices the newest ones of the subscription. */
export function externalOf(
  subscription: Stripe.Subscription,
  invoices: readonly Stripe.Invoice[],
  scheduled: ScheduledTerms | null,
): ExternalSubscription {
  const item = planItemOf(subscription);
  const { trial_end, cancel_at, cancel_at_period_end: endsWithPeriod } = subscription;
  const end = instantOf(item.current_period_end);
  return {
    id: subscription.id,
    status: subscription.status,
    plan: planOf(item.price),
    quantity: item.quantity ?? 1,
    anchor: instantOf(subscription.billing_cycle_anchor),
    currentPeriodStart: instantOf(item.current_period_start),
    currentPeriodEnd: end,
    paidThrough: paidThroughOf(subscription, invoices),
    trialEndsAt: trial_end === null ? null : instantOf(trial_end),
    cancelAt: cancel_at === null ? (endsWithPeriod ? end : null) : instantOf(cancel_at),
    isPaused: subscription.pause_collection !== null,
    createdAt: instantOf(subscription.created),
    // A change of seats alone is no change of plan.
    scheduled: isDeepStrictEqual(scheduled?.plan, planOf(item.price)) ? null : (scheduled?.plan ?? null),
  };
}

/**
 * End of what was paid or tried. A period without any invoice costs nothing, such as one that a coupon pays for: Stripe
 * omits empty invoices.
 */
function paidThroughOf(subscription: Stripe.Subscription, invoices: readonly Stripe.Invoice[]): Date {
  const { id, current_period_end, current_period_start } = planItemOf(subscription);
  const addOns = subscription.items.data.map((item) => item.id).filter((item) => item !== id);
  const paidEnds = invoices
    .filter(({ status }) => status === 'paid')
    .flatMap(({ lines }) => lines.data)
    // An add-on that is paid by itself pays for no plan.
    .filter(({ amount, parent }) => {
      const item = parent?.subscription_item_details?.subscription_item;
      return amount >= 0 && (item === undefined || !addOns.includes(item));
    })
    .map(({ period }) => period.end);
  const isUnpaid = invoices.some(
    ({ status, billing_reason, lines }) =>
      PERIOD_REASONS.includes(billing_reason) &&
      UNPAID_STATUSES.includes(status) &&
      lines.data.some(({ period }) => period.end > current_period_start),
  );
  const isFree = subscription.status === 'active' && !isUnpaid;
  return instantOf(
    Math.max(
      subscription.start_date,
      subscription.trial_end ?? 0,
      isFree ? current_period_end : 0,
      // Credits beyond the current period belong to a plan that was replaced.
      ...paidEnds.map((end) => Math.min(end, current_period_end)),
    ),
  );
}

/** What a schedule brings when the current phase ends. */
export function nextPhaseOf({
  status,
  current_phase,
  phases,
}: Stripe.SubscriptionSchedule): Stripe.SubscriptionSchedule.Phase | undefined {
  if (status !== 'active') return undefined;
  return phases.find(({ start_date }) => start_date === current_phase?.end_date);
}
