/** Changes of a running subscription. Stripe computes what they cost. */
import Stripe from 'stripe';
import type { ChangeResult, SubscriptionChange } from '../port.ts';
import { idOf, secondsOf } from './client.ts';
import { onlyItem } from './convert.ts';

type Keyed = { subscriptionId: string; idempotencyKey: string };

/**
 * Charges the difference at once. Until it is paid the subscription stays as it is: access and money change together.
 */
export async function changeNow(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, at, idempotencyKey }: SubscriptionChange & { at: Date },
): Promise<ChangeResult> {
  const before = await stripe.subscriptions.retrieve(subscriptionId);
  await releaseSchedule(stripe, before, idempotencyKey);
  const item = onlyItem(before);
  const changed = await stripe.subscriptions.update(
    subscriptionId,
    {
      items: [{ id: item.id, price: priceId, quantity }],
      proration_behavior: 'always_invoice',
      proration_date: secondsOf(at),
      payment_behavior: 'pending_if_incomplete',
      expand: ['latest_invoice'],
    },
    { idempotencyKey },
  );
  if (changed.pending_update === null) return { kind: 'changed' };
  const { latest_invoice: invoice } = changed;
  const url = typeof invoice === 'object' ? (invoice?.hosted_invoice_url ?? null) : null;
  return { kind: 'action_required', url };
}

export async function changeAtPeriodEnd(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, idempotencyKey }: SubscriptionChange,
): Promise<void> {
  const subscription = await stripe.subscriptions.retrieve(subscriptionId);
  const item = onlyItem(subscription);
  if (subscription.cancel_at_period_end)
    await resume(stripe, { subscriptionId, idempotencyKey: `${idempotencyKey}-resume` });
  const schedule =
    subscription.schedule === null
      ? await stripe.subscriptionSchedules.create(
          { from_subscription: subscriptionId },
          { idempotencyKey: `${idempotencyKey}-create` },
        )
      : await stripe.subscriptionSchedules.retrieve(idOf(subscription.schedule));
  await stripe.subscriptionSchedules.update(
    schedule.id,
    {
      // Afterwards the subscription goes on by itself.
      end_behavior: 'release',
      phases: [
        {
          start_date: item.current_period_start,
          end_date: item.current_period_end,
          items: [{ price: item.price.id, quantity: item.quantity ?? 1 }],
          proration_behavior: 'none',
        },
        {
          start_date: item.current_period_end,
          items: [{ price: priceId, quantity }],
          proration_behavior: 'none',
        },
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
    await keepPlan(stripe, { subscriptionId, idempotencyKey });
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

export async function resume(stripe: Stripe, { subscriptionId, idempotencyKey }: Keyed): Promise<void> {
  await stripe.subscriptions.update(subscriptionId, { cancel_at_period_end: false }, { idempotencyKey });
}

/** Invoices of a paused subscription are voided, so that nothing is owed afterwards. */
export async function setPaused(
  stripe: Stripe,
  { subscriptionId, isPaused, idempotencyKey }: Keyed & { isPaused: boolean },
): Promise<void> {
  const pause_collection = isPaused ? { behavior: 'void' as const } : '';
  await stripe.subscriptions.update(subscriptionId, { pause_collection }, { idempotencyKey });
}
