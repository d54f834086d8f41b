/** From an object that an event is about to what has to be read. Almost everything leads to a subscription. */
import type Stripe from 'stripe';
import type { SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { closeCheckout } from '../checkout-store.ts';
import { idOf } from './client.ts';
import type { ObjectRead } from './domain/event-work.ts';
import { findAccountOf, findCountingSubscription, markCustomerDeleted } from './store.ts';

export type Located =
  | { kind: 'subscription'; id: string; invoiceId: string | null; isUpcoming: boolean }
  /** An invoice of no subscription. */
  | { kind: 'invoice'; id: string }
  | { kind: 'refunds'; refunds: readonly Stripe.Refund[] }
  | { kind: 'dispute'; id: string }
  /** Nothing that billing stores depends on it. */
  | { kind: 'nothing'; outcome: 'synced' | 'unknown_customer' };

type LocateDeps = Pick<SubscriptionDeps, 'database' | 'runtime'> & { stripe: Stripe };

const NOTHING: Located = { kind: 'nothing', outcome: 'synced' };

/** @throws Stripe's errors, such as for an object that is gone. */
export async function locate(
  deps: LocateDeps,
  { target, objectId: id, subscriptionId }: Omit<ObjectRead, 'eventIds'>,
): Promise<Located> {
  const { stripe, database } = deps;
  switch (target) {
    case 'subscription':
    case 'upcoming':
      return { kind: 'subscription', id, invoiceId: null, isUpcoming: target === 'upcoming' };
    case 'invoice':
      return subscriptionId === null ? ofInvoice(stripe, id) : ofSubscription(subscriptionId, id);
    case 'credit_note':
      return ofInvoice(stripe, idOf((await stripe.creditNotes.retrieve(id)).invoice));
    case 'schedule': {
      const { subscription, released_subscription: released } =
        await stripe.subscriptionSchedules.retrieve(id);
      return ofSubscription(subscription === null ? released : idOf(subscription));
    }
    case 'checkout': {
      const { id: sessionId, status, subscription } = await stripe.checkout.sessions.retrieve(id);
      await closeCheckout(database, sessionId, status);
      return ofSubscription(subscription === null ? null : idOf(subscription));
    }
    case 'refund':
      return { kind: 'refunds', refunds: [await stripe.refunds.retrieve(id)] };
    case 'charge':
      return { kind: 'refunds', refunds: (await stripe.refunds.list({ charge: id, limit: 100 })).data };
    case 'dispute':
      return { kind: 'dispute', id };
    case 'customer':
      return ofCustomer(deps, id);
  }
}

function ofSubscription(id: string | null, invoiceId: string | null = null): Located {
  return id === null ? NOTHING : { kind: 'subscription', id, invoiceId, isUpcoming: false };
}

async function ofInvoice(stripe: Stripe, id: string): Promise<Located> {
  const { parent } = await stripe.invoices.retrieve(id);
  const subscription = parent?.subscription_details?.subscription;
  return subscription === undefined ? { kind: 'invoice', id } : ofSubscription(idOf(subscription), id);
}

async function ofCustomer({ stripe, database, runtime }: LocateDeps, id: string): Promise<Located> {
  const customer = await stripe.customers.retrieve(id);
  if (customer.deleted) await markCustomerDeleted(database, id, runtime.clock.now());
  const accountId = await findAccountOf(database, id);
  if (accountId === undefined) return { kind: 'nothing', outcome: 'unknown_customer' };
  return ofSubscription((await findCountingSubscription(database, accountId))?.id ?? null);
}
