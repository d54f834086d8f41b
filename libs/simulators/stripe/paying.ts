/** Payments of invoices, and what they do to the subscription. */
import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { DAY } from './calendar.ts';
import { invalid } from './fault.ts';
import { customerOf, endSubscription, finalize, subscriptionOf } from './invoicing.ts';
import type { Item } from './items.ts';
import { chargeObject } from './payment-objects.ts';
import { changeItems } from './proration.ts';
import { idOf, itemObject } from './subscription-objects.ts';

/** Days after the first failure on which the card is tried again. */
const RETRY_DAYS = [3, 5, 7] as const;

export type PaymentOutcome = 'paid' | 'failed' | 'action';

/** How a charge is made: by this card, by a customer who is present and can authenticate. */
export type ChargeOptions = { method?: string | undefined; isPresent?: boolean };

/** The card that is charged: the subscription's, else the customer's. */
export function cardOf({ data }: Account, customer: Stripe.Customer, subscription?: Stripe.Subscription) {
  const reference =
    subscription?.default_payment_method ?? customer.invoice_settings.default_payment_method ?? null;
  return reference === null ? undefined : data.paymentMethods[idOf(reference)];
}

/** Charges an open invoice. A failure is an outcome; the subscription is changed by it. */
export function pay(account: Account, invoice: Stripe.Invoice, options: ChargeOptions = {}): PaymentOutcome {
  if (invoice.status === 'draft') finalize(account, invoice);
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible')
    throw invalid(`Invoice is already ${invoice.status}`);
  invoice.attempted = true;
  invoice.attempt_count += 1;
  const outcome = invoice.amount_due === 0 ? 'paid' : charge(account, invoice, options);
  if (outcome === 'paid') markPaid(account, invoice);
  else markFailed(account, invoice, outcome);
  return outcome;
}

function charge(account: Account, invoice: Stripe.Invoice, options: ChargeOptions): PaymentOutcome {
  const { data } = account;
  const [payment] = invoice.payments?.data ?? [];
  const reference = payment?.payment.payment_intent;
  const intent = reference === undefined ? undefined : data.paymentIntents[idOf(reference)];
  if (payment === undefined || intent === undefined) throw invalid('The invoice has no payment.');
  const customer = customerOf(account, invoice);
  const named = options.method ?? (invoice.default_payment_method && idOf(invoice.default_payment_method));
  const method =
    named === undefined || named === null
      ? cardOf(account, customer, subscriptionOf(account, invoice))
      : data.paymentMethods[named];
  const behaviour = method === undefined ? 'declined' : (data.cards[method.id] ?? 'ok');
  const at = nowOn(account, invoice.test_clock);
  if (behaviour === 'challenge' && options.isPresent !== true) {
    intent.status = 'requires_action';
    intent.payment_method = method?.id ?? null;
    emit(account, 'payment_intent.requires_action', intent, invoice.test_clock);
    return 'action';
  }
  const isPaid = behaviour !== 'declined';
  if (method !== undefined) {
    const made = chargeObject(
      { id: newId(account, 'ch'), created: at },
      {
        amount: intent.amount,
        currency: intent.currency,
        customer: customer.id,
        paymentIntent: intent.id,
        paymentMethod: method.id,
        paid: isPaid,
      },
    );
    data.charges[made.id] = made;
    intent.latest_charge = made.id;
    intent.payment_method = method.id;
    emit(account, isPaid ? 'charge.succeeded' : 'charge.failed', made, invoice.test_clock);
  }
  if (!isPaid) {
    intent.status = 'requires_payment_method';
    intent.last_payment_error = {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      message: method === undefined ? 'There is no card.' : 'Your card was declined.',
    };
    emit(account, 'payment_intent.payment_failed', intent, invoice.test_clock);
    return 'failed';
  }
  intent.status = 'succeeded';
  intent.amount_received = intent.amount;
  intent.last_payment_error = null;
  payment.status = 'paid';
  payment.amount_paid = intent.amount;
  payment.status_transitions.paid_at = at;
  emit(account, 'payment_intent.succeeded', intent, invoice.test_clock);
  return 'paid';
}

function markPaid(account: Account, invoice: Stripe.Invoice): void {
  const at = nowOn(account, invoice.test_clock);
  invoice.status = 'paid';
  invoice.amount_paid = invoice.amount_due;
  invoice.amount_remaining = 0;
  invoice.next_payment_attempt = null;
  invoice.status_transitions.paid_at = at;
  emit(account, 'invoice.paid', invoice, invoice.test_clock);
  const subscription = subscriptionOf(account, invoice);
  if (subscription === undefined) return;
  const before = subscription.status;
  applyPendingItems(account, subscription, invoice);
  const isLate = ['incomplete', 'past_due', 'unpaid'].includes(subscription.status);
  if (isLate && !hasOpenInvoice(account, subscription)) subscription.status = 'active';
  if (subscription.status !== before)
    emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
}

function hasOpenInvoice({ data }: Account, subscription: Stripe.Subscription): boolean {
  return Object.values(data.invoices).some(
    (invoice) =>
      invoice.status === 'open' &&
      invoice.billing_reason !== 'subscription_update' &&
      invoice.parent?.subscription_details?.subscription === subscription.id,
  );
}

function applyPendingItems(
  account: Account,
  subscription: Stripe.Subscription,
  invoice: Stripe.Invoice,
): void {
  const { data } = account;
  const pending = data.pendingItems[invoice.id];
  if (pending === undefined) return;
  delete data.pendingItems[invoice.id];
  const items = pending.items.map(({ id, price, quantity }) => ({
    ...{ id, quantity },
    price: find(data.prices, 'price', price),
  }));
  setItems(account, subscription, items, { at: pending.prorationDate, invoice: invoice.id, prorate: true });
  if (subscription.pending_update !== null) {
    subscription.pending_update = null;
    emit(account, 'customer.subscription.pending_update_applied', subscription, subscription.test_clock);
  }
  emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
}

/** Gives the subscription other items; the lines for them are invoiced already. */
export function setItems(
  account: Account,
  subscription: Stripe.Subscription,
  items: readonly Item[],
  { at, invoice, prorate }: { at: number; invoice: string; prorate: boolean },
): void {
  const { debits } = account.data;
  const { period, anchor, debits: added } = changeItems(account, subscription, items, { at, prorate });
  const before = subscription.items.data;
  subscription.items.data = items.map(({ id, price, quantity }) => {
    const fresh = itemObject({ id, created: at }, { subscription: subscription.id, price, quantity, period });
    const known = before.find((item) => item.id === id);
    const { plan, current_period_start, current_period_end } = fresh;
    return known === undefined
      ? fresh
      : { ...known, price, plan, quantity, current_period_start, current_period_end };
  });
  subscription.billing_cycle_anchor = anchor;
  for (const { id } of before) if (items.every((item) => item.id !== id)) delete debits[id];
  for (const [id, of] of Object.entries(added)) {
    debits[id] = of.map((debit) => ({ ...debit, invoice: debit.invoice || invoice }));
  }
}

function markFailed(account: Account, invoice: Stripe.Invoice, outcome: PaymentOutcome): void {
  const at = nowOn(account, invoice.test_clock);
  const retry = RETRY_DAYS[invoice.attempt_count - 1];
  const isRenewal = invoice.billing_reason === 'subscription_cycle';
  invoice.next_payment_attempt = isRenewal && retry !== undefined ? at + retry * DAY : null;
  if (outcome === 'action') emit(account, 'invoice.payment_action_required', invoice, invoice.test_clock);
  emit(account, 'invoice.payment_failed', invoice, invoice.test_clock);
  const subscription = subscriptionOf(account, invoice);
  if (subscription === undefined || !isRenewal) return;
  if (invoice.next_payment_attempt !== null) {
    if (subscription.status === 'past_due') return;
    subscription.status = 'past_due';
    emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
    return;
  }
  if (account.afterRetries === 'unpaid') {
    subscription.status = 'unpaid';
    emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
    return;
  }
  endSubscription(account, subscription, 'payment_failed');
}
