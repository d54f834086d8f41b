/** Creates, changes and ends subscriptions. */
import type Stripe from 'stripe';
import { type Account, emit, newId, nowOn } from './account.ts';
import { monthsOf, periodAt } from './calendar.ts';
import { type Offer, redeem } from './discounts.ts';
import { declined, invalid } from './fault.ts';
import { type Form, flag, group, integer, metadataOf, text } from './form.ts';
import { customerOf, draftInvoice, endSubscription, finalize, voidInvoice } from './invoicing.ts';
import { hasSameTerms, type Item, type ItemTerms, itemsOf, periodOf, requestedItems } from './items.ts';
import { type ChargeOptions, pay, setItems } from './paying.ts';
import { changeItems, creditUnused, debitPeriod } from './proration.ts';
import { idOf, itemObject, subscriptionObject } from './subscription-objects.ts';

const PENDING_UPDATE_SECONDS = 23 * 3_600;

export type SubscriptionTerms = {
  items: readonly ItemTerms[];
  customer: Stripe.Customer;
  trialEnd: number | null;
  metadata: Stripe.Metadata;
  offers: readonly Offer[];
  paymentMethod: string | null;
};

/** Begins a subscription: with a trial, or with an invoice that is charged at once. */
export function createSubscription(
  account: Account,
  terms: SubscriptionTerms,
  options: ChargeOptions = {},
): Stripe.Subscription {
  const { data } = account;
  const { customer, trialEnd } = terms;
  const created = nowOn(account, customer.test_clock);
  const id = newId(account, 'sub');
  const [months = 1] = terms.items.map(({ price }) => monthsOf(price));
  const [currency = 'usd'] = terms.items.map(({ price }) => price.currency);
  const period = trialEnd === null ? periodAt(created, months, created) : { start: created, end: trialEnd };
  const items = terms.items.map((of) =>
    itemObject({ id: newId(account, 'si'), created }, { ...of, subscription: id, period }),
  );
  const subscription = subscriptionObject(
    { id, created },
    {
      customer: customer.id,
      items,
      currency,
      status: trialEnd === null ? 'incomplete' : 'trialing',
      anchor: trialEnd ?? created,
      trialEnd,
      metadata: terms.metadata,
      discounts: [],
      defaultPaymentMethod: terms.paymentMethod,
      testClock: customer.test_clock == null ? null : idOf(customer.test_clock),
    },
  );
  data.subscriptions[id] = subscription;
  customer.currency ??= currency;
  emit(account, 'customer.subscription.created', subscription, subscription.test_clock);
  subscription.discounts = redeem(account, terms.offers, { customer, subscription: id });
  if (trialEnd !== null) return subscription;
  const lines = debitPeriod(account, subscription, period);
  const invoice = draftInvoice(account, subscription, { reason: 'subscription_create', lines, period });
  if (invoice !== undefined) pay(account, invoice, options);
  return subscription;
}

export function updateSubscription(account: Account, subscription: Stripe.Subscription, form: Form): void {
  if (subscription.status === 'canceled' || subscription.status === 'incomplete_expired')
    throw invalid('A canceled subscription can only update its cancellation_details and metadata.');
  const wanted = requestedItems(account, subscription, form);
  // A refused payment must change nothing, so it comes first.
  if (wanted !== null) changeTerms(account, subscription, wanted, form);
  applyFields(account, subscription, form);
  emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
}

function applyFields(account: Account, subscription: Stripe.Subscription, form: Form): void {
  const at = nowOn(account, subscription.test_clock);
  const cancels = flag(form, 'cancel_at_period_end');
  if (cancels !== undefined) {
    subscription.cancel_at_period_end = cancels;
    subscription.cancel_at = cancels ? periodOf(subscription).end : null;
    subscription.canceled_at = cancels ? at : null;
  }
  const method = text(form, 'default_payment_method');
  if (method !== undefined) subscription.default_payment_method = method === '' ? null : method;
  if (group(form, 'metadata') !== undefined) subscription.metadata = metadataOf(form, subscription.metadata);
  const pause = form.pause_collection;
  if (pause === '') subscription.pause_collection = null;
  else if (typeof pause === 'object') {
    subscription.pause_collection = {
      behavior: text(pause, 'behavior') ?? 'void',
      resumes_at: integer(pause, 'resumes_at') ?? null,
    };
  }
  const trialEnd = text(form, 'trial_end');
  if (trialEnd === 'now' && subscription.status === 'trialing') {
    subscription.trial_end = at;
    for (const item of subscription.items.data) item.current_period_end = at;
    subscription.billing_cycle_anchor = at;
  }
}

function changeTerms(
  account: Account,
  subscription: Stripe.Subscription,
  wanted: readonly Item[],
  form: Form,
): void {
  const { data } = account;
  const before = itemsOf(subscription);
  const isSame = (item: Item) => before.some((other) => hasSameTerms(item, other));
  if (wanted.length === before.length && wanted.every(isSame)) return;
  const behaviour = text(form, 'proration_behavior') ?? 'create_prorations';
  const at = integer(form, 'proration_date') ?? nowOn(account, subscription.test_clock);
  const change = changeItems(account, subscription, wanted, { at, prorate: behaviour !== 'none' });
  const isNewPeriod = change.anchor !== subscription.billing_cycle_anchor;
  if (change.lines.length === 0) {
    setItems(account, subscription, wanted, { at, invoice: '', prorate: false });
    return;
  }
  if (behaviour !== 'always_invoice' && !isNewPeriod) {
    data.pendingLines[idOf(subscription.customer)] = [
      ...(data.pendingLines[idOf(subscription.customer)] ?? []),
      ...change.lines,
    ];
    setItems(account, subscription, wanted, { at, invoice: '', prorate: true });
    return;
  }
  invoiceChange(account, subscription, { wanted, at, lines: change.lines, period: change.period }, form);
}

function invoiceChange(
  account: Account,
  subscription: Stripe.Subscription,
  {
    wanted,
    at,
    lines,
    period,
  }: {
    wanted: readonly Item[];
    at: number;
    lines: Stripe.InvoiceLineItem[];
    period: { start: number; end: number };
  },
  form: Form,
): void {
  const { data } = account;
  const behaviour = text(form, 'payment_behavior') ?? 'allow_incomplete';
  if (behaviour === 'pending_if_incomplete' && subscription.schedule !== null)
    throw invalid('A subscription with a schedule has no pending updates.', 'payment_behavior');
  // A second change replaces one that waits for its payment.
  dropPendingUpdate(account, subscription);
  const latest = subscription.latest_invoice;
  const invoice = draftInvoice(account, subscription, {
    reason: 'subscription_update',
    lines,
    period,
    prorationDate: at,
  });
  if (invoice === undefined) return;
  finalize(account, invoice);
  const items = wanted.map(({ id, price, quantity }) => ({ id, price: price.id, quantity }));
  data.pendingItems[invoice.id] = { subscription: subscription.id, items, prorationDate: at };
  const outcome = pay(account, invoice);
  if (outcome === 'paid') return;
  switch (behaviour) {
    case 'error_if_incomplete':
      voidInvoice(account, invoice);
      subscription.latest_invoice = latest;
      throw declined();
    case 'pending_if_incomplete': {
      const pending = { subscription: subscription.id, period: periodOf(subscription) };
      subscription.pending_update = {
        billing_cycle_anchor: null,
        cancel_at_period_end: null,
        discount: null,
        discounts: null,
        expires_at: at + PENDING_UPDATE_SECONDS,
        metadata: null,
        subscription_items: wanted.map(({ id, price, quantity }) =>
          itemObject({ id, created: at }, { ...pending, price, quantity }),
        ),
        trial_end: null,
        trial_from_plan: null,
      };
      return;
    }
    default:
      delete data.pendingItems[invoice.id];
      setItems(account, subscription, wanted, { at, invoice: invoice.id, prorate: true });
      subscription.status = 'past_due';
  }
}

/** Drops an update that was not paid in time. */
export function expirePendingUpdate(account: Account, subscription: Stripe.Subscription): void {
  dropPendingUpdate(account, subscription);
  emit(account, 'customer.subscription.pending_update_expired', subscription, subscription.test_clock);
}

function dropPendingUpdate(account: Account, subscription: Stripe.Subscription): void {
  const { data } = account;
  subscription.pending_update = null;
  for (const [id, pending] of Object.entries(data.pendingItems)) {
    const invoice = data.invoices[id];
    if (pending.subscription === subscription.id && invoice?.status === 'open') voidInvoice(account, invoice);
  }
}

export function cancelSubscription(account: Account, subscription: Stripe.Subscription, form: Form): void {
  if (subscription.status === 'canceled') throw invalid('The subscription is canceled already.');
  const at = nowOn(account, subscription.test_clock);
  if (flag(form, 'prorate') === true) {
    const credits = creditUnused(account, subscription, at);
    const customer = customerOf(account, subscription);
    if (flag(form, 'invoice_now') === true) {
      const period = { start: at, end: at };
      const invoice = draftInvoice(account, subscription, {
        reason: 'subscription_update',
        lines: credits,
        period,
      });
      if (invoice !== undefined) pay(account, invoice);
    } else {
      account.data.pendingLines[customer.id] = [
        ...(account.data.pendingLines[customer.id] ?? []),
        ...credits,
      ];
    }
  }
  releaseSchedule(account, subscription);
  endSubscription(account, subscription, 'cancellation_requested');
}

function releaseSchedule(account: Account, subscription: Stripe.Subscription): void {
  const reference = subscription.schedule;
  if (reference === null) return;
  const schedule = account.data.schedules[idOf(reference)];
  subscription.schedule = null;
  if (schedule === undefined || schedule.status !== 'active') return;
  schedule.status = 'canceled';
  schedule.canceled_at = nowOn(account, subscription.test_clock);
  emit(account, 'subscription_schedule.canceled', schedule, schedule.test_clock);
}
