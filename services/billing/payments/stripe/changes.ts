/** Changes of a running subscription. Stripe computes what they cost. */
import Stripe from 'stripe';
import type { ChangeResult, ScheduledChange, SubscriptionChange } from '../port.ts';
import { idOf, secondsOf } from './client.ts';
import { nextPhaseOf, planItemOf, scheduledPlanItem } from './convert.ts';

/** Where a subscription remembers its scheduled change while it is cancelled: Stripe has no schedule next to a cancellation. */
const SCHEDULED_PRICE = 'scheduled_price';
const SCHEDULED_QUANTITY = 'scheduled_quantity';

type Keyed = { subscriptionId: string; idempotencyKey: string };

/**
 * Charges the difference at once. Until it is paid the subscription stays as it is: access and money change together. A
 * scheduled change survives a payment that fails. Stripe has no pending update next to a schedule, so such a payment can only
 * succeed at once.
 */
export async function changeNow(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, at, idempotencyKey }: SubscriptionChange & { at: Date },
): Promise<ChangeResult> {
  const before = await stripe.subscriptions.retrieve(subscriptionId);
  const { id, price } = planItemOf(before);
  const scheduled = await readScheduled(stripe, before);
  await releaseSchedule(stripe, before, idempotencyKey);
  const update = stripe.subscriptions.update(
    subscriptionId,
    {
      items: [{ id, price: priceId, quantity }],
      proration_behavior: 'always_invoice',
      proration_date: secondsOf(at),
      payment_behavior: scheduled === null ? 'pending_if_incomplete' : 'error_if_incomplete',
      expand: ['latest_invoice'],
    },
    { idempotencyKey },
  );
  if (scheduled === null) return resultOf(await update);
  const restored = { ...scheduled, subscriptionId, idempotencyKey: `${idempotencyKey}-restore` };
  try {
    const result = resultOf(await update);
    // More seats do not withdraw a scheduled change of the plan.
    const isPlanKept = priceId === price.id && scheduled.priceId !== priceId;
    if (isPlanKept) await changeAtPeriodEnd(stripe, { ...restored, quantity });
    return result;
  } catch (error) {
    await changeAtPeriodEnd(stripe, restored);
    if (error instanceof Stripe.errors.StripeCardError) return { kind: 'action_required', url: null };
    throw error;
  }
}

function resultOf({ pending_update, latest_invoice: invoice }: Stripe.Subscription): ChangeResult {
  if (pending_update === null) return { kind: 'changed' };
  const url = typeof invoice === 'object' ? (invoice?.hosted_invoice_url ?? null) : null;
  return { kind: 'action_required', url };
}

/** The terms from the end of the period on; null where none are scheduled. */
async function readScheduled(
  stripe: Stripe,
  { schedule }: Stripe.Subscription,
): Promise<{ priceId: string; quantity: number } | null> {
  if (schedule === null) return null;
  const phase = nextPhaseOf(await stripe.subscriptionSchedules.retrieve(idOf(schedule)));
  if (phase === undefined) return null;
  const item = await scheduledPlanItem(phase, (id) => stripe.prices.retrieve(id));
  return item === undefined ? null : { priceId: item.price.id, quantity: item.quantity };
}

export async function changeAtPeriodEnd(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, idempotencyKey }: ScheduledChange,
): Promise<void> {
  const subscription = await stripe.subscriptions.retrieve(subscriptionId);
  const item = planItemOf(subscription);
  const { id: itemId, price, current_period_start, current_period_end, quantity: seats = 1 } = item;
  const scheduled = await readScheduled(stripe, subscription);
  if (subscription.cancel_at_period_end)
    await withdrawCancellation(stripe, { subscriptionId, idempotencyKey: `${idempotencyKey}-resume` });
  const schedule =
    subscription.schedule === null
      ? await stripe.subscriptionSchedules.create(
          { from_subscription: subscriptionId },
          { idempotencyKey: `${idempotencyKey}-create` },
        )
      : await stripe.subscriptionSchedules.retrieve(idOf(subscription.schedule));
  const next = {
    price: priceId ?? scheduled?.priceId ?? price.id,
    quantity: quantity ?? scheduled?.quantity ?? seats,
  };
  const addOns = subscription.items.data
    .filter((item) => item.id !== itemId)
    .map((item) => ({ price: item.price.id, quantity: item.quantity ?? 1 }));
  await stripe.subscriptionSchedules.update(
    schedule.id,
    {
      // Afterwards the subscription goes on by itself.
      end_behavior: 'release',
      phases: [
        {
          start_date: current_period_start,
          end_date: current_period_end,
          items: [{ price: price.id, quantity: seats }, ...addOns],
          proration_behavior: 'none',
        },
        { start_date: current_period_end, items: [next, ...addOns], proration_behavior: 'none' },
      ],
    },
    { idempotencyKey: `${idempotencyKey}-update` },
  );
}

export async function keepPlan(stripe: Stripe, { subscriptionId, idempotencyKey }: Keyed): Promise<void> {
  await releaseSchedule(stripe, await stripe.subscriptions.retrieve(subscriptionId), idempotencyKey);
}

async function releaseSchedule(
  stripe: Stripe,
  { schedule }: Stripe.Subscription,
  key: string,
): Promise<void> {
  if (schedule === null) return;
  await stripe.subscriptionSchedules.release(idOf(schedule), {}, { idempotencyKey: `${key}-release` });
}

export async function cancel(
  stripe: Stripe,
  { subscriptionId, when, idempotencyKey }: Keyed & { when: 'now' | 'period_end' },
): Promise<void> {
  if (when === 'period_end') {
    const subscription = await stripe.subscriptions.retrieve(subscriptionId);
    const scheduled = await readScheduled(stripe, subscription);
    if (scheduled !== null) {
      const { priceId, quantity } = scheduled;
      const metadata = { [SCHEDULED_PRICE]: priceId, [SCHEDULED_QUANTITY]: `${quantity}` };
      const key = { idempotencyKey: `${idempotencyKey}-remember` };
      await stripe.subscriptions.update(subscriptionId, { metadata }, key);
    }
    await releaseSchedule(stripe, subscription, idempotencyKey);
    await stripe.subscriptions.update(subscriptionId, { cancel_at_period_end: true }, { idempotencyKey });
    return;
  }
  try {
    await stripe.subscriptions.cancel(subscriptionId, {}, { idempotencyKey });
  } catch (error) {
    // It has ended in the meantime.
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
    const { status } = await stripe.subscriptions.retrieve(subscriptionId);
    if (status !== 'canceled') throw error;
  }
}

/** A change that was scheduled before the cancellation is due again. */
export async function resume(stripe: Stripe, { subscriptionId, idempotencyKey }: Keyed): Promise<void> {
  const { metadata } = await stripe.subscriptions.retrieve(subscriptionId);
  const { [SCHEDULED_PRICE]: priceId, [SCHEDULED_QUANTITY]: quantity } = metadata;
  await withdrawCancellation(stripe, { subscriptionId, idempotencyKey });
  if (priceId === undefined) return;
  await changeAtPeriodEnd(stripe, {
    ...{ subscriptionId, priceId, quantity: Number(quantity) },
    idempotencyKey: `${idempotencyKey}-restore`,
  });
}

async function withdrawCancellation(
  stripe: Stripe,
  { subscriptionId, idempotencyKey }: Keyed,
): Promise<void> {
  const metadata = { [SCHEDULED_PRICE]: '', [SCHEDULED_QUANTITY]: '' };
  await stripe.subscriptions.update(
    subscriptionId,
    { cancel_at_period_end: false, metadata },
    { idempotencyKey },
  );
}

/** Invoices of a paused subscription are voided, so that nothing is owed afterwards. */
export async function setPaused(
  stripe: Stripe,
  { subscriptionId, isPaused, idempotencyKey }: Keyed & { isPaused: boolean },
): Promise<void> {
  const pause_collection = isPaused ? { behavior: 'void' as const } : '';
  await stripe.subscriptions.update(subscriptionId, { pause_collection }, { idempotencyKey });
}
