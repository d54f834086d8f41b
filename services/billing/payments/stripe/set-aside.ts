/**
 * A scheduled change that gives way for a while: Stripe has no schedule next to a cancellation, or to a change that waits
 * for its payment. The subscription's metadata has its terms until it is scheduled again or withdrawn.
 */
import type Stripe from 'stripe';
import type { ItemTerms } from '../port.ts';
import { planItemOf } from './convert.ts';
import { COUNTING } from './store.ts';

const PRICE = 'scheduled_price';
const QUANTITY = 'scheduled_quantity';
/** The terms at that time, which tell whether the change that it gave way to was made. */
const PRICE_BEFORE = 'scheduled_from_price';
const QUANTITY_BEFORE = 'scheduled_from_quantity';
/** The idempotency key of that change. */
const GAVE_WAY_TO = 'scheduled_gave_way_to';

type Metadata = Record<string, string>;

/** Clears it. */
export const NOTHING_SET_ASIDE: Metadata = Object.fromEntries(
  [PRICE, QUANTITY, PRICE_BEFORE, QUANTITY_BEFORE, GAVE_WAY_TO].map((name) => [name, '']),
);

export function setAsideMetadata(
  subscription: Stripe.Subscription,
  { priceId, quantity }: ItemTerms,
  idempotencyKey: string,
): Metadata {
  const item = planItemOf(subscription);
  return {
    [PRICE]: priceId,
    [QUANTITY]: `${quantity}`,
    [PRICE_BEFORE]: item.price.id,
    [QUANTITY_BEFORE]: `${item.quantity ?? 1}`,
    [GAVE_WAY_TO]: idempotencyKey,
  };
}

export function hasSetAside({ metadata }: Stripe.Subscription): boolean {
  return metadata[PRICE] !== undefined;
}

/** The key of the change that it gave way to, so that it is scheduled again once. */
export function gaveWayTo({ metadata, id }: Stripe.Subscription): string {
  return metadata[GAVE_WAY_TO] ?? id;
}

/** What is to be scheduled again. Null for nothing: another plan that was paid for meanwhile has replaced it. */
export function setAsideOf(subscription: Stripe.Subscription): ItemTerms | null {
  const { metadata } = subscription;
  const { price, quantity: seats = 1 } = planItemOf(subscription);
  const priceId = metadata[PRICE];
  if (priceId === undefined || (metadata[PRICE_BEFORE] ?? price.id) !== price.id) return null;
  // Seats that were paid for meanwhile stay.
  const isSeatsKept = (metadata[QUANTITY_BEFORE] ?? `${seats}`) === `${seats}`;
  const quantity = isSeatsKept ? Number(metadata[QUANTITY]) : seats;
  if (priceId === price.id && quantity === seats) return null;
  return { priceId, quantity };
}

/** Whether it has nothing left to give way to. */
export function isRestorable(subscription: Stripe.Subscription): boolean {
  const { schedule, pending_update, cancel_at_period_end, status } = subscription;
  const isFree = schedule === null && pending_update === null && !cancel_at_period_end;
  return isFree && COUNTING.includes(status) && hasSetAside(subscription);
}
