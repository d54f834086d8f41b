/**
 * Reads a subscription at Stripe and writes what it says now: projection, subscription, notices and inbox in one
 * transaction. Events only say that something may have changed, so their order does not matter.
 */
import type Stripe from 'stripe';
import { type Tx, transaction } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { decideExternal } from '../../subscriptions/domain/decide-external.ts';
import { type Decision, type Effect, keepSubscription } from '../../subscriptions/domain/decision.ts';
import type { ExternalSubscription } from '../../subscriptions/domain/external-subscription.ts';
import { changeInTransaction, lockAccount, type SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { hasOtherTrial } from '../checkout-store.ts';
import { adoptCustomer } from './adopt-customer.ts';
import { readScheduledItem } from './changes.ts';
import { idOf } from './client.ts';
import { externalOf, type ScheduledTerms } from './convert.ts';
import { invoiceNotices } from './domain/invoice-notices.ts';
import { enqueueDuplicate } from './duplicate-jobs.ts';
import { markEvents } from './inbox-store.ts';
import { saveInvoices } from './invoice-store.ts';
import { planOf } from './prices.ts';
import { enqueueRestore } from './restore-jobs.ts';
import { invoiceRow, paymentRows, subscriptionRow } from './rows.ts';
import { isRestorable } from './set-aside.ts';
import {
  COUNTING,
  findAccountOf,
  findCountingSubscription,
  findStripeSubscription,
  nextReadNumber,
  saveSubscriptionRow,
} from './store.ts';

export type StripeDeps = SubscriptionDeps & { stripe: Stripe };
export type SyncOutcome = 'synced' | 'superseded' | 'unknown_customer' | 'gone' | 'duplicate';

export type SubscriptionWork = {
  /** The events that are done with it. */
  eventIds: readonly string[];
  /** Invoices to read in addition to the newest ones. */
  invoiceIds: readonly string[];
  isUpcoming: boolean;
  logger: Logger;
};

/** Invoices that are read with a subscription: two years of months. */
const INVOICES = 24;

/** Reads a subscription with its invoices. @throws Stripe's errors. */
export async function syncSubscription(
  deps: StripeDeps,
  id: string,
  { eventIds, invoiceIds, isUpcoming, logger }: SubscriptionWork,
): Promise<SyncOutcome> {
  const { stripe, database, runtime } = deps;
  const readAt = runtime.clock.now();
  const readNumber = await nextReadNumber(database);
  const subscription = await stripe.subscriptions.retrieve(id);
  const customerId = idOf(subscription.customer);
  const accountId = (await findAccountOf(database, customerId)) ?? (await adoptCustomer(deps, customerId));
  if (accountId === undefined) {
    logger.warn({ subscription: id, customer: customerId }, 'unknown customer at Stripe');
    await markEvents(database, eventIds, { outcome: 'unknown_customer', now: runtime.clock.now() });
    return 'unknown_customer';
  }
  const invoices = await readInvoices(stripe, id, invoiceIds);
  const scheduled = await readSchedule(stripe, subscription);
  const intents = await readIntents(stripe, invoices);
  const external = externalOf(subscription, invoices, scheduled);

  return transaction(database, async (tx) => {
    await lockAccount(tx, accountId);
    const known = await findStripeSubscription(tx, id);
    const isDuplicate = known?.isDuplicate ?? (await isSurplus(tx, accountId, external));
    const scheduledQuantity =
      scheduled === null || scheduled.quantity === external.quantity ? null : scheduled.quantity;
    const row = subscriptionRow(subscription, external, {
      accountId,
      readNumber,
      readAt,
      isDuplicate,
      scheduledQuantity,
    });
    const isNewest = await saveSubscriptionRow(tx, row);
    const changed = await saveInvoices(
      tx,
      invoices.map((invoice) => ({
        row: invoiceRow(invoice, { accountId, readNumber }),
        payments: paymentRows(invoice, { accountId, readNumber }, intents),
      })),
    );
    const effects = changed.flatMap(({ row: invoice, payments }) => {
      const needsAction = payments.some(({ status }) => status === 'requires_action');
      return invoiceNotices({ ...invoice, needsAction }, readAt);
    });
    if (isUpcoming) effects.push(upcomingNotice(external.id, external.currentPeriodEnd, readAt));
    if (isDuplicate) await enqueueDuplicate(tx, id);
    else if (isRestorable(subscription)) await enqueueRestore(tx, id);
    const isApplied = isNewest && !isDuplicate;
    await changeInTransaction(tx, deps, { accountId }, (state, context) =>
      withEffects(isApplied ? decideExternal(state, external, context) : keepSubscription(state), effects),
    );
    const outcome = isDuplicate ? 'duplicate' : isNewest ? 'synced' : 'superseded';
    await markEvents(tx, eventIds, { outcome, now: runtime.clock.now() });
    return outcome;
  });
}

/** Whether an account may not have a new subscription: it has one, or its owner tries a plan for a second time. */
async function isSurplus(tx: Tx, accountId: string, { id, status }: ExternalSubscription): Promise<boolean> {
  if (!COUNTING.includes(status)) return false;
  if ((await findCountingSubscription(tx, accountId, id)) !== undefined) return true;
  return status === 'trialing' && (await hasOtherTrial(tx, accountId));
}

export function withEffects(decision: Decision, effects: readonly Effect[]): Decision {
  return { ...decision, effects: [...decision.effects, ...effects] };
}

function upcomingNotice(subscription: string, periodEnd: Date, at: Date): Effect {
  const subject = `${subscription} ${periodEnd.toISOString()}`;
  const data = { subscription, period_end: periodEnd.toISOString() };
  return { kind: 'notified_event', event: { kind: 'invoice_upcoming', subject, at, data } };
}

async function readInvoices(
  stripe: Stripe,
  subscription: string,
  ids: readonly string[],
): Promise<Stripe.Invoice[]> {
  const { data } = await stripe.invoices.list({ subscription, limit: INVOICES, expand: ['data.payments'] });
  const older = ids.filter((id) => data.every((invoice) => invoice.id !== id));
  const read = (id: string) => stripe.invoices.retrieve(id, { expand: ['payments'] });
  return [...data, ...(await Promise.all(older.map(read)))];
}

async function readSchedule(
  stripe: Stripe,
  subscription: Stripe.Subscription,
): Promise<ScheduledTerms | null> {
  // A cancelled subscription ends before anything scheduled begins.
  if (subscription.cancel_at_period_end) return null;
  const item = await readScheduledItem(stripe, subscription);
  return item === null ? null : { plan: planOf(item.price), quantity: item.quantity };
}

/** Whether a failed payment waits for the customer is only in its payment intent. */
export async function readIntents(
  stripe: Stripe,
  invoices: readonly Stripe.Invoice[],
): Promise<Map<string, string>> {
  const intents = new Map<string, string>();
  for (const { status, attempted, payments } of invoices) {
    if (status !== 'open' || !attempted) continue;
    for (const { payment } of payments?.data ?? []) {
      if (payment.payment_intent === undefined) continue;
      const intent = await stripe.paymentIntents.retrieve(idOf(payment.payment_intent));
      intents.set(intent.id, intent.status);
    }
  }
  return intents;
}
