/** Invoices of amounts that belong to no subscription. */
import Stripe from 'stripe';
import type { InvoiceOrder } from '../port.ts';
import { idOf } from './client.ts';

/**
 * Invoices an amount once and charges the card on file. Stripe forgets keys after a day, so an invoice of an earlier attempt
 * is found by its metadata. A card that does not pay leaves the invoice open: it has a page on which to pay.
 *
 * @returns the id of the invoice.
 */
export async function invoiceOnce(stripe: Stripe, order: InvoiceOrder): Promise<string> {
  const { customerId: customer, amountMinor: amount, description, idempotencyKey: key } = order;
  const invoice = (await findInvoice(stripe, order)) ?? (await createInvoice(stripe, order));
  if (invoice.status === 'draft') {
    if (invoice.lines.data.length === 0) {
      await stripe.invoiceItems.create(
        { customer, invoice: invoice.id, amount, currency: 'usd', description },
        { idempotencyKey: `${key}-item` },
      );
    }
    await stripe.invoices.finalizeInvoice(
      invoice.id,
      { auto_advance: true },
      { idempotencyKey: `${key}-finalize` },
    );
  }
  try {
    await stripe.invoices.pay(invoice.id, {}, { idempotencyKey: `${key}-pay` });
  } catch (error) {
    // It is paid already, there is no card, or the card was declined: the invoice says which.
    const isAnswer =
      error instanceof Stripe.errors.StripeCardError ||
      error instanceof Stripe.errors.StripeInvalidRequestError;
    if (!isAnswer) throw error;
  }
  return invoice.id;
}

async function findInvoice(
  stripe: Stripe,
  { customerId: customer, idempotencyKey }: InvoiceOrder,
): Promise<Stripe.Invoice | undefined> {
  const { data } = await stripe.invoices.list({ customer, limit: 100 });
  return data.find(({ metadata, status }) => metadata?.order === idempotencyKey && status !== 'void');
}

/** A draft that waits for its line: an empty invoice that advanced by itself would count as paid. */
async function createInvoice(
  stripe: Stripe,
  { customerId: customer, accountId, description, idempotencyKey }: InvoiceOrder,
): Promise<Stripe.Invoice> {
  // A checkout stores the card with the subscription, not with the customer.
  const { data } = await stripe.subscriptions.list({ customer, limit: 1 });
  const card = data[0]?.default_payment_method ?? null;
  return stripe.invoices.create(
    {
      customer,
      currency: 'usd',
      collection_method: 'charge_automatically',
      auto_advance: false,
      pending_invoice_items_behavior: 'exclude',
      description,
      metadata: { account: accountId, order: idempotencyKey },
      ...(card !== null && { default_payment_method: idOf(card) }),
    },
    { idempotencyKey: `${idempotencyKey}-invoice` },
  );
}
