/** Changes of a running subscription. Stripe computes what they cost. */
import Stripe from 'stripe';
import type { ChangeResult, ItemTerms, ScheduledChange, SubscriptionChange } from '../port.ts';
import { idOf, secondsOf } from './client.ts';
import { nextPhaseOf, planItemOf, scheduledPlanItem } from './convert.ts';
import {
  gaveWayTo,
  hasSetAside,
  isRestorable,
  NOTHING_SET_ASIDE,
  setAsideMetadata,
  setAsideOf,
} from './set-aside.ts';

type Keyed = { subscriptionId: string; idempotencyKey: string };

/** How long before the end of a period no change waits for its payment: what is scheduled begins then. */
const NO_WAIT_SECONDS = 24 * 3_600;

/**
 * Charges the difference at once. Until it is paid the subscription stays as it is: access and money change together. A
 * scheduled change gives way meanwhile; it is scheduled again, unless another plan was paid for.
 */
export async function changeNow(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, at, idempotencyKey }: SubscriptionChange & { at: Date },
): Promise<ChangeResult> {
  const before = await stripe.subscriptions.retrieve(subscriptionId);
  const { id, current_period_end } = planItemOf(before);
  await setScheduledAside(stripe, before, idempotencyKey);
  const canWait = !hasScheduled(before) || current_period_end - secondsOf(at) > NO_WAIT_SECONDS;
  try {
    const changed = await stripe.subscriptions.update(
      subscriptionId,
      {
        items: [{ id, price: priceId, quantity }],
        proration_behavior: 'always_invoice',
        proration_date: secondsOf(at),
        payment_behavior: canWait ? 'pending_if_incomplete' : 'error_if_incomplete',
        expand: ['latest_invoice'],
      },
      { idempotencyKey },
    );
    return resultOf(changed);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) return { kind: 'action_required', url: null };
    throw error;
  } finally {
    if (hasScheduled(before)) await restoreScheduled(stripe, subscriptionId);
  }
}

function hasScheduled(subscription: Stripe.Subscription): boolean {
  return subscription.schedule !== null || hasSetAside(subscription);
}

/** Schedules a change again that has given way, once nothing is in its way. */
export async function restoreScheduled(stripe: Stripe, subscriptionId: string): Promise<void> {
  const subscription = await stripe.subscriptions.retrieve(subscriptionId);
  if (!isRestorable(subscription)) return;
  const idempotencyKey = `${gaveWayTo(subscription)}-restore`;
  const scheduled = setAsideOf(subscription);
  if (scheduled === null) {
    await stripe.subscriptions.update(
      subscriptionId,
      { metadata: NOTHING_SET_ASIDE },
      { idempotencyKey: `${idempotencyKey}-nothing` },
    );
    return;
  }
  const { priceId, quantity } = scheduled;
  await changeAtPeriodEnd(stripe, { subscriptionId, priceId, quantity, idempotencyKey });
}

async function setScheduledAside(
  stripe: Stripe,
  subscription: Stripe.Subscription,
  idempotencyKey: string,
): Promise<void> {
  if (subscription.schedule === null) return;
  const scheduled = await readScheduled(stripe, subscription);
  if (scheduled !== null) await setAside(stripe, subscription, scheduled, idempotencyKey);
  await releaseSchedule(stripe, subscription, idempotencyKey);
}

async function setAside(
  stripe: Stripe,
  subscription: Stripe.Subscription,
  terms: ItemTerms,
  idempotencyKey: string,
): Promise<void> {
  const metadata = setAsideMetadata(subscription, terms, idempotencyKey);
  await stripe.subscriptions.update(
    subscription.id,
    { metadata },
    { idempotencyKey: `${idempotencyKey}-set-aside` },
  );
}

function resultOf({ pending_update, latest_invoice: invoice }: Stripe.Subscription): ChangeResult {
  if (pending_update === null) return { kind: 'changed' };
  const url = typeof invoice === 'object' ? (invoice?.hosted_invoice_url ?? null) : null;
  return { kind: 'action_required', url };
}

/** The terms from the end of the period on; null where none are scheduled. */
async function readScheduled(stripe: Stripe, subscription: Stripe.Subscription): Promise<ItemTerms | null> {
  const item = await readScheduledItem(stripe, subscription);
  return item === null ? null : { priceId: item.price.id, quantity: item.quantity };
}

/** The item with the plan from the end of the period on; null where none is scheduled. */
export async function readScheduledItem(
  stripe: Stripe,
  subscription: Stripe.Subscription,
): Promise<{ price: Stripe.Price; quantity: number } | null> {
  const { schedule } = subscription;
  if (schedule === null) {
    const terms = setAsideOf(subscription);
    if (terms === null) return null;
    return { price: await stripe.prices.retrieve(terms.priceId), quantity: terms.quantity };
  }
  const phase = nextPhaseOf(await stripe.subscriptionSchedules.retrieve(idOf(schedule)));
  if (phase === undefined) return null;
  return (await scheduledPlanItem(phase, (id) => stripe.prices.retrieve(id))) ?? null;
}

export async function changeAtPeriodEnd(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, idempotencyKey }: ScheduledChange,
): Promise<void> {
  const subscription = await stripe.subscriptions.retrieve(subscriptionId);
  const item = planItemOf(subscription);
  const { id: itemId, price, current_period_start, current_period_end, quantity: seats = 1 } = item;
  const scheduled = await readScheduled(stripe, subscription);
  const next = {
    price: priceId ?? scheduled?.priceId ?? price.id,
    quantity: quantity ?? scheduled?.quantity ?? seats,
  };
  if (subscription.pending_update !== null) {
    const terms = { priceId: next.price, quantity: next.quantity };
    return setAside(stripe, subscription, terms, idempotencyKey);
  }
  if (subscription.cancel_at_period_end || hasSetAside(subscription))
    await withdrawCancellation(stripe, { subscriptionId, idempotencyKey: `${idempotencyKey}-resume` });
  const schedule =
    subscription.schedule === null
      ? await stripe.subscriptionSchedules.create(
          { from_subscription: subscriptionId },
          { idempotencyKey: `${idempotencyKey}-create` },
        )
      : await stripe.subscriptionSchedules.retrieve(idOf(subscription.schedule));
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
  const subscription = await stripe.subscriptions.retrieve(subscriptionId);
  await releaseSchedule(stripe, subscription, idempotencyKey);
  if (!hasSetAside(subscription)) return;
  const key = { idempotencyKey: `${idempotencyKey}-withdraw` };
  await stripe.subscriptions.update(subscriptionId, { metadata: NOTHING_SET_ASIDE }, key);
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
    await setScheduledAside(stripe, subscription, idempotencyKey);
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
  const scheduled = setAsideOf(await stripe.subscriptions.retrieve(subscriptionId));
  await withdrawCancellation(stripe, { subscriptionId, idempotencyKey });
  if (scheduled === null) return;
  const { priceId, quantity } = scheduled;
  await changeAtPeriodEnd(stripe, {
    ...{ subscriptionId, priceId, quantity },
    idempotencyKey: `${idempotencyKey}-restore`,
  });
}

async function withdrawCancellation(
  stripe: Stripe,
  { subscriptionId, idempotencyKey }: Keyed,
): Promise<void> {
  await stripe.subscriptions.update(
    subscriptionId,
    { cancel_at_period_end: false, metadata: NOTHING_SET_ASIDE },
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
