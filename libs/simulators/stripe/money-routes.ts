import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { invalid, missing } from './fault.ts';
import { group, integer, metadataOf, needText, text, texts } from './form.ts';
import { creditNoteObject, refundObject } from './payment-objects.ts';
import { type Call, pageOf, type Route } from './route.ts';
import { idOf } from './subscription-objects.ts';
import { thinEvent } from './webhooks.ts';

/** Payment intents, charges, refunds, credit notes, disputes and events. */
export const MONEY_ROUTES: readonly Route[] = [
  [
    'GET',
    '/v1/payment_intents/:id',
    ({ account, id }) => find(account.data.paymentIntents, 'payment intent', id),
  ],
  ['GET', '/v1/charges/:id', ({ account, id }) => find(account.data.charges, 'charge', id)],
  [
    'GET',
    '/v1/invoice_payments',
    ({ account, form }) => {
      const invoice = text(form, 'invoice');
      const intent = text(group(form, 'payment') ?? {}, 'payment_intent');
      const rows = Object.values(account.data.invoicePayments).filter(
        (one) =>
          (invoice === undefined || idOf(one.invoice) === invoice) &&
          (intent === undefined || one.payment.payment_intent === intent),
      );
      return pageOf(rows, form, '/v1/invoice_payments');
    },
  ],
  ['POST', '/v1/refunds', refundRequested],
  ['GET', '/v1/refunds/:id', ({ account, id }) => find(account.data.refunds, 'refund', id)],
  [
    'GET',
    '/v1/refunds',
    ({ account, form }) => {
      const charge = text(form, 'charge');
      const rows = Object.values(account.data.refunds).filter(
        (one) => charge === undefined || (one.charge !== null && idOf(one.charge) === charge),
      );
      return pageOf(rows, form, '/v1/refunds');
    },
  ],
  ['POST', '/v1/credit_notes', createCreditNote],
  ['GET', '/v1/credit_notes/:id', ({ account, id }) => find(account.data.creditNotes, 'credit note', id)],
  [
    'GET',
    '/v1/events',
    ({ account, form }) => {
      const since = integer(group(form, 'created') ?? {}, 'gte') ?? 0;
      const types = texts(form, 'types');
      const rows = account.data.events.filter(
        (event) => event.created >= since && (types.length === 0 || types.includes(event.type)),
      );
      return pageOf(rows, form, '/v1/events');
    },
  ],
  ['GET', '/v1/events/:id', ({ account, id }) => eventOf(account, id)],
  ['GET', '/v2/core/events/:id', ({ account, id }) => thinEvent(eventOf(account, id))],
];

function eventOf({ data }: Account, id: string): Stripe.EventBase {
  const event = data.events.findLast((one) => one.id === id);
  if (event === undefined) throw missing('event', id);
  return event;
}

function refundRequested({ account, form }: Call): Stripe.Refund {
  const intentId = text(form, 'payment_intent');
  const intent =
    intentId === undefined ? undefined : find(account.data.paymentIntents, 'payment intent', intentId);
  const reference = intent?.latest_charge ?? text(form, 'charge') ?? '';
  const charge = find(account.data.charges, 'charge', idOf(reference));
  const amount = integer(form, 'amount') ?? charge.amount - charge.amount_refunded;
  return refund(account, charge, {
    amount,
    reason: text(form, 'reason') ?? null,
    metadata: metadataOf(form),
  });
}

function refund(
  account: Account,
  charge: Stripe.Charge,
  of: { amount: number; reason: string | null; metadata: Stripe.Metadata },
): Stripe.Refund {
  if (of.amount <= 0 || of.amount > charge.amount - charge.amount_refunded)
    throw invalid(`Refund amount (${of.amount}) is greater than unrefunded amount on charge.`, 'amount');
  const made = refundObject(
    { id: newId(account, 're'), created: nowOn(account, null) },
    { ...of, currency: charge.currency, charge },
  );
  account.data.refunds[made.id] = made;
  charge.amount_refunded += of.amount;
  charge.refunded = charge.amount_refunded === charge.amount;
  emit(account, 'refund.created', made);
  emit(account, 'charge.refunded', charge);
  return made;
}

function createCreditNote({ account, form }: Call): Stripe.CreditNote {
  const { data } = account;
  const invoice = find(data.invoices, 'invoice', needText(form, 'invoice'));
  const amount = integer(form, 'amount') ?? 0;
  const isOpen = invoice.status === 'open';
  const most = isOpen
    ? invoice.amount_remaining
    : invoice.amount_paid - invoice.post_payment_credit_notes_amount;
  if (amount <= 0 || amount > most) throw invalid(`The amount must be between 1 and ${most}.`, 'amount');
  const refundAmount = integer(form, 'refund_amount') ?? 0;
  const credit = integer(form, 'credit_amount') ?? 0;
  if (!isOpen && refundAmount + credit !== amount)
    throw invalid('refund_amount and credit_amount must add up to the amount.', 'amount');
  const customer = find(data.customers, 'customer', invoice.customer === null ? '' : idOf(invoice.customer));
  const made =
    refundAmount === 0
      ? null
      : refund(account, chargeOf(account, invoice), { amount: refundAmount, reason: null, metadata: {} });
  customer.balance -= isOpen ? 0 : credit;
  const note = creditNoteObject(
    { id: newId(account, 'cn'), created: nowOn(account, invoice.test_clock) },
    {
      amount,
      currency: invoice.currency,
      invoice,
      customer: customer.id,
      prePayment: isOpen ? amount : 0,
      memo: text(form, 'memo') ?? null,
      reason: text(form, 'reason') ?? null,
      refund: made,
      metadata: metadataOf(form),
    },
  );
  data.creditNotes[note.id] = note;
  if (isOpen) {
    invoice.pre_payment_credit_notes_amount += amount;
    invoice.amount_remaining -= amount;
    invoice.amount_due -= amount;
  } else invoice.post_payment_credit_notes_amount += amount;
  emit(account, 'credit_note.created', note, invoice.test_clock);
  return note;
}

function chargeOf({ data }: Account, invoice: Stripe.Invoice): Stripe.Charge {
  const reference = invoice.payments?.data[0]?.payment.payment_intent;
  const intent = reference === undefined ? undefined : data.paymentIntents[idOf(reference)];
  if (intent?.latest_charge == null) throw invalid('The invoice has no charge.');
  return find(data.charges, 'charge', idOf(intent.latest_charge));
}
