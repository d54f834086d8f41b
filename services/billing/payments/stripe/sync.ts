/**
 * Reads an object at Stripe and writes what it says now: projection, subscription, notices and inbox in one transaction.
 * Events only say that something may have changed, so their order does not matter.
 */
import Stripe from 'stripe';
import { type Tx, transaction } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { decideExternal } from '../../subscriptions/domain/decide-external.ts';
import type { Decision, Effect } from '../../subscriptions/domain/decision.ts';
import { keepSubscription } from '../../subscriptions/domain/decision.ts';
import type { ExternalSubscription } from '../../subscriptions/domain/external-subscription.ts';
import { changeInTransaction, lockSubscription, type SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { accountHasTried, closeCheckout } from '../checkout-store.ts';
import { adoptCustomer } from './adopt-customer.ts';
import { idOf, instantOf } from './client.ts';
import { externalOf, nextPhaseOf, type ScheduledTerms } from './convert.ts';
import type { SyncTarget } from './domain/event-types.ts';
import { invoiceNotices } from './domain/invoice-notices.ts';
import { enqueueDuplicate } from './duplicate-jobs.ts';
import { markProcessed } from './inbox-store.ts';
import { planOf } from './prices.ts';
import { invoiceRow, paymentRows, refundRow, subscriptionRow } from './rows.ts';
import {
  COUNTING,
  findAccountOf,
  findCountingSubscription,
  findStripeSubscription,
  markCustomerDeleted,
  nextReadNumber,
  saveInvoice,
  saveRefund,
  saveSubscriptionRow,
} from './store.ts';

export type StripeDeps = SubscriptionDeps & { stripe: Stripe };
export type SyncOutcome = 'synced' | 'superseded' | 'unknown_customer' | 'gone' | 'duplicate';

/** What a sync is about, for the inbox: events about `objectId` are done with it. */
type Work = { objectId: string; logger: Logger };

/** Invoices that are read with a subscription: two years of months. */
const INVOICES = 24;

/** @throws Stripe's errors, after which the job is repeated. */
export async function syncObject(deps: StripeDeps, target: SyncTarget, work: Work): Promise<SyncOutcome> {
  try {
    return await readTarget(deps, target, work);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await finish(deps, work, 'gone');
    return 'gone';
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
}

async function readTarget(deps: StripeDeps, target: SyncTarget, work: Work): Promise<SyncOutcome> {
  const { stripe } = deps;
  const { objectId: id } = work;
  switch (target) {
    case 'subscription':
    case 'upcoming':
      return syncSubscription(deps, id, work, { isUpcoming: target === 'upcoming' });
    case 'invoice':
      return syncInvoice(deps, id, work);
    case 'credit_note': {
      const { invoice } = await stripe.creditNotes.retrieve(id);
      return syncInvoice(deps, idOf(invoice), work);
    }
    case 'schedule': {
      const { subscription, released_subscription: released } =
        await stripe.subscriptionSchedules.retrieve(id);
      const reference = subscription === null ? released : idOf(subscription);
      return reference === null ? finish(deps, work, 'synced') : syncSubscription(deps, reference, work);
    }
    case 'checkout': {
      const { id: sessionId, status, subscription } = await stripe.checkout.sessions.retrieve(id);
      await closeCheckout(deps.database, sessionId, status);
      return subscription === null
        ? finish(deps, work, 'synced')
        : syncSubscription(deps, idOf(subscription), work);
    }
    case 'refund':
      return syncRefunds(deps, [await stripe.refunds.retrieve(id)], work);
    case 'charge':
      return syncRefunds(deps, (await stripe.refunds.list({ charge: id, limit: 100 })).data, work);
    case 'dispute':
      return syncDispute(deps, id, work);
    case 'customer':
      return syncCustomer(deps, id, work);
  }
}

async function finish(deps: StripeDeps, { objectId }: Work, outcome: SyncOutcome): Promise<SyncOutcome> {
  const now = deps.runtime.clock.now();
  await transaction(deps.database, (tx) => markProcessed(tx, { objectId, readAt: now, outcome, now }));
  return outcome;
}

async function syncInvoice(deps: StripeDeps, id: string, work: Work): Promise<SyncOutcome> {
  const invoice = await deps.stripe.invoices.retrieve(id, { expand: ['payments'] });
  const subscription = invoice.parent?.subscription_details?.subscription;
  if (subscription === undefined) return finish(deps, work, 'synced');
  return syncSubscription(deps, idOf(subscription), work, { invoiceId: id });
}

/** Reads a subscription with its newest invoices, and one more invoice that an event is about. */
export async function syncSubscription(
  deps: StripeDeps,
  id: string,
  work: Work,
  of: { invoiceId?: string; isUpcoming?: boolean } = {},
): Promise<SyncOutcome> {
  const { stripe, database, runtime } = deps;
  const readAt = runtime.clock.now();
  const readNumber = await nextReadNumber(database);
  const subscription = await stripe.subscriptions.retrieve(id);
  const customerId = idOf(subscription.customer);
  const accountId = (await findAccountOf(database, customerId)) ?? (await adoptCustomer(deps, customerId));
  if (accountId === undefined) {
    work.logger.warn({ subscription: id, customer: customerId }, 'unknown customer at Stripe');
    return finish(deps, work, 'unknown_customer');
  }
  const invoices = await readInvoices(stripe, id, of.invoiceId);
  const scheduled = await readSchedule(stripe, subscription);
  const intents = await readIntents(stripe, invoices);
  const external = externalOf(subscription, invoices, scheduled);

  return transaction(database, async (tx) => {
    await lockSubscription(tx, deps, accountId);
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
    const effects: Effect[] = [];
    for (const invoice of invoices) {
      const stored = invoiceRow(invoice, { accountId, readNumber });
      const paid = paymentRows(invoice, { accountId, readNumber }, intents);
      await saveInvoice(tx, stored, paid);
      const needsAction = paid.some(({ status }) => status === 'requires_action');
      effects.push(...invoiceNotices({ ...stored, needsAction }, readAt));
    }
    if (of.isUpcoming === true) effects.push(upcomingNotice(external.id, external.currentPeriodEnd, readAt));
    if (isDuplicate) await enqueueDuplicate(tx, id);
    const isApplied = isNewest && !isDuplicate;
    await changeInTransaction(tx, deps, { accountId }, (state, context) =>
      withEffects(isApplied ? decideExternal(state, external, context) : keepSubscription(state), effects),
    );
    const outcome = isDuplicate ? 'duplicate' : isNewest ? 'synced' : 'superseded';
    await markProcessed(tx, { objectId: work.objectId, readAt, outcome, now: runtime.clock.now() });
    return outcome;
  });
}

/** Whether an account may not have a new subscription: it has one, or its owner tries a plan for a second time. */
async function isSurplus(tx: Tx, accountId: string, { id, status }: ExternalSubscription): Promise<boolean> {
  if (!COUNTING.includes(status)) return false;
  if ((await findCountingSubscription(tx, accountId, id)) !== undefined) return true;
  return status === 'trialing' && (await accountHasTried(tx, accountId));
}

function withEffects(decision: Decision, effects: readonly Effect[]): Decision {
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
  id: string | undefined,
): Promise<Stripe.Invoice[]> {
  const { data } = await stripe.invoices.list({ subscription, limit: INVOICES, expand: ['data.payments'] });
  if (id === undefined || data.some((invoice) => invoice.id === id)) return data;
  return [...data, await stripe.invoices.retrieve(id, { expand: ['payments'] })];
}

async function readSchedule(
  stripe: Stripe,
  { schedule }: Stripe.Subscription,
): Promise<ScheduledTerms | null> {
  if (schedule === null) return null;
  const item = nextPhaseOf(await stripe.subscriptionSchedules.retrieve(idOf(schedule)))?.items[0];
  if (item === undefined) return null;
  const plan = planOf(await stripe.prices.retrieve(idOf(item.price)));
  return { plan, quantity: item.quantity ?? 1 };
}

/** Whether a failed payment waits for the customer is only in its payment intent. */
async function readIntents(
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

async function syncRefunds(deps: StripeDeps, refunds: Stripe.Refund[], work: Work): Promise<SyncOutcome> {
  const { stripe, database, runtime } = deps;
  const [first] = refunds;
  if (first === undefined || first.charge === null) return finish(deps, work, 'synced');
  const readAt = runtime.clock.now();
  const readNumber = await nextReadNumber(database);
  const accountId = await accountOfCharge(deps, await stripe.charges.retrieve(idOf(first.charge)));
  if (accountId === undefined) return finish(deps, work, 'unknown_customer');
  return inAccount(deps, accountId, work, readAt, async (tx) => {
    for (const refund of refunds) await saveRefund(tx, refundRow(refund, { accountId, readNumber }));
    return refunds
      .filter(({ status }) => status === 'succeeded')
      .map(({ id, amount, currency }) => ({
        kind: 'notified_event',
        event: {
          kind: 'refunded',
          subject: id,
          at: readAt,
          data: { refund: id, amount_minor: amount, currency: currency.toUpperCase() },
        },
      }));
  });
}

async function syncDispute(deps: StripeDeps, id: string, work: Work): Promise<SyncOutcome> {
  const { stripe, runtime } = deps;
  const dispute = await stripe.disputes.retrieve(id);
  const accountId = await accountOfCharge(deps, await stripe.charges.retrieve(idOf(dispute.charge)));
  if (accountId === undefined) return finish(deps, work, 'unknown_customer');
  const { amount, currency, reason, status, created } = dispute;
  const data = { dispute: id, amount_minor: amount, currency: currency.toUpperCase(), reason, status };
  const now = runtime.clock.now();
  return inAccount(deps, accountId, work, now, async () => [
    { kind: 'notified_event', event: { kind: 'dispute_opened', subject: id, at: instantOf(created), data } },
    ...(['won', 'lost', 'warning_closed', 'prevented'].includes(status)
      ? [{ kind: 'event', event: { kind: 'dispute_closed', subject: id, at: now, data } } as const]
      : []),
  ]);
}

async function accountOfCharge(deps: StripeDeps, { customer }: Stripe.Charge): Promise<string | undefined> {
  return customer === null ? undefined : findAccountOf(deps.database, idOf(customer));
}

/** Writes rows of an account with the events that they cause. */
function inAccount(
  deps: StripeDeps,
  accountId: string,
  { objectId }: Work,
  readAt: Date,
  write: (tx: Tx) => Promise<Effect[]>,
): Promise<SyncOutcome> {
  return transaction(deps.database, async (tx) => {
    await lockSubscription(tx, deps, accountId);
    const effects = await write(tx);
    await changeInTransaction(tx, deps, { accountId }, (state) =>
      withEffects(keepSubscription(state), effects),
    );
    const now = deps.runtime.clock.now();
    const outcome: SyncOutcome = 'synced';
    await markProcessed(tx, { objectId, readAt, outcome, now });
    return outcome;
  });
}

async function syncCustomer(deps: StripeDeps, id: string, work: Work): Promise<SyncOutcome> {
  const customer = await deps.stripe.customers.retrieve(id);
  if (customer.deleted) await markCustomerDeleted(deps.database, id, deps.runtime.clock.now());
  const accountId = await findAccountOf(deps.database, id);
  if (accountId === undefined) return finish(deps, work, 'unknown_customer');
  const counting = await findCountingSubscription(deps.database, accountId);
  return counting === undefined ? finish(deps, work, 'synced') : syncSubscription(deps, counting.id, work);
}
