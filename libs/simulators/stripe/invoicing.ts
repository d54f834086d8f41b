/** Invoices from draft to open or void. */
import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { HOUR } from './calendar.ts';
import { endDiscounts } from './discounts.ts';
import { invalid } from './fault.ts';
import { type Form, flag, metadataOf, needText, text } from './form.ts';
import { claimItems } from './invoice-items.ts';
import { invoiceObject, invoicePaymentObject } from './invoice-objects.ts';
import { paymentIntentObject } from './payment-objects.ts';
import { idOf, listObject, type Period } from './subscription-objects.ts';

export function subscriptionOf({ data }: Account, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  const reference = invoice.parent?.subscription_details?.subscription;
  return reference === undefined ? undefined : data.subscriptions[idOf(reference)];
}

export function customerOf({ data }: Account, of: { customer: Stripe.Subscription['customer'] | null }) {
  return find(data.customers, 'customer', of.customer === null ? '' : idOf(of.customer));
}

/** Adds an invoice with these lines and those that wait for it. Without lines there is no invoice. */
export function draftInvoice(
  account: Account,
  subscription: Stripe.Subscription,
  of: {
    reason: string;
    lines: Stripe.InvoiceLineItem[];
    period: Period;
    finalizesLater?: boolean;
    prorationDate?: number | null;
  },
): Stripe.Invoice | undefined {
  const { data } = account;
  const customer = customerOf(account, subscription);
  const waiting = data.pendingLines[customer.id] ?? [];
  const lines = [...waiting, ...of.lines];
  if (lines.length === 0) return undefined;
  delete data.pendingLines[customer.id];
  const created = nowOn(account, subscription.test_clock);
  const invoice = invoiceObject(
    { id: newId(account, 'in'), created },
    {
      customer,
      subscription,
      reason: of.reason,
      lines,
      period: of.period,
      finalizesAt: of.finalizesLater === true ? created + HOUR : null,
      url: account.url,
      prorationDate: of.prorationDate ?? null,
    },
  );
  for (const line of lines) line.invoice = invoice.id;
  claimItems(account, lines, invoice.id);
  for (const { id } of subscription.items.data)
    for (const debit of data.debits[id] ?? []) if (debit.invoice === '') debit.invoice = invoice.id;
  data.invoices[invoice.id] = invoice;
  subscription.latest_invoice = invoice.id;
  emit(account, 'invoice.created', invoice, invoice.test_clock);
  endDiscounts(account, subscription, lines);
  return invoice;
}

/** A draft for a customer, without lines: invoice items name it. */
export function createInvoice(account: Account, form: Form): Stripe.Invoice {
  const customer = find(account.data.customers, 'customer', needText(form, 'customer'));
  if (text(form, 'pending_invoice_items_behavior') !== 'exclude')
    throw invalid('The simulator leaves out pending items.', 'pending_invoice_items_behavior');
  const created = nowOn(account, customer.test_clock);
  const invoice = invoiceObject(
    { id: newId(account, 'in'), created },
    {
      customer,
      subscription: null,
      reason: 'manual',
      lines: [],
      period: { start: created, end: created },
      finalizesAt: null,
      url: account.url,
      prorationDate: null,
    },
  );
  invoice.auto_advance = flag(form, 'auto_advance') ?? false;
  invoice.description = text(form, 'description') ?? null;
  invoice.metadata = metadataOf(form);
  invoice.default_payment_method = text(form, 'default_payment_method') ?? null;
  account.data.invoices[invoice.id] = invoice;
  emit(account, 'invoice.created', invoice, invoice.test_clock);
  return invoice;
}

/** Numbers an invoice, applies the customer's balance and asks for the rest. */
export function finalize(account: Account, invoice: Stripe.Invoice): void {
  if (invoice.status !== 'draft') throw invalid(`This invoice is ${invoice.status}, not a draft.`);
  const customer = customerOf(account, invoice);
  const at = nowOn(account, invoice.test_clock);
  const sequence = customer.next_invoice_sequence ?? 1;
  customer.next_invoice_sequence = sequence + 1;
  invoice.number = `${customer.invoice_prefix ?? 'SIM'}-${String(sequence).padStart(4, '0')}`;
  invoice.status = 'open';
  invoice.effective_at = at;
  invoice.automatically_finalizes_at = null;
  invoice.status_transitions.finalized_at = at;
  invoice.hosted_invoice_url = `${account.url}/pay/${invoice.id}`;
  invoice.invoice_pdf = `${account.url}/pay/${invoice.id}/pdf`;
  // A negative balance is a credit of the customer.
  invoice.starting_balance = customer.balance;
  const due = invoice.total + customer.balance;
  customer.balance = Math.min(due, 0);
  invoice.ending_balance = customer.balance;
  invoice.amount_due = Math.max(due, 0);
  invoice.amount_remaining = invoice.amount_due;
  if (invoice.amount_due > 0) requestPayment(account, invoice);
  emit(account, 'invoice.finalized', invoice, invoice.test_clock);
}

function requestPayment(account: Account, invoice: Stripe.Invoice): void {
  const { data } = account;
  const { amount_due: amount, currency } = invoice;
  const created = nowOn(account, invoice.test_clock);
  const customer = customerOf(account, invoice).id;
  const intent = paymentIntentObject(
    { id: newId(account, 'pi'), created },
    { amount, currency, customer, description: `Invoice ${invoice.number}` },
  );
  data.paymentIntents[intent.id] = intent;
  const payment = invoicePaymentObject(
    { id: newId(account, 'inpay'), created },
    { invoice: invoice.id, amount, currency, paymentIntent: intent.id },
  );
  data.invoicePayments[payment.id] = payment;
  invoice.payments = listObject([payment], `/v1/invoice_payments?invoice=${invoice.id}`);
}

export function endSubscription(account: Account, subscription: Stripe.Subscription, reason: string): void {
  const at = nowOn(account, subscription.test_clock);
  subscription.status = 'canceled';
  subscription.canceled_at ??= at;
  subscription.ended_at = at;
  subscription.cancellation_details = { comment: null, feedback: null, feedback_option: null, reason };
  emit(account, 'customer.subscription.deleted', subscription, subscription.test_clock);
}

export function voidInvoice(account: Account, invoice: Stripe.Invoice): void {
  invoice.status = 'void';
  invoice.next_payment_attempt = null;
  invoice.automatically_finalizes_at = null;
  invoice.amount_remaining = 0;
  invoice.status_transitions.voided_at = nowOn(account, invoice.test_clock);
  delete account.data.pendingItems[invoice.id];
  emit(account, 'invoice.voided', invoice, invoice.test_clock);
}

export function markUncollectible(account: Account, invoice: Stripe.Invoice): void {
  invoice.status = 'uncollectible';
  invoice.next_payment_attempt = null;
  invoice.status_transitions.marked_uncollectible_at = nowOn(account, invoice.test_clock);
  emit(account, 'invoice.marked_uncollectible', invoice, invoice.test_clock);
}
