/** What a change or the next period costs, in Stripe's own figures. */
import Stripe from 'stripe';
import type { InvoicePreview, InvoicePreviewLine, ItemTerms } from '../port.ts';
import { instantOf, secondsOf } from './client.ts';
import { planItemOf } from './convert.ts';

export async function previewChange(
  stripe: Stripe,
  { subscriptionId, priceId, quantity, at }: { subscriptionId: string; at: Date } & ItemTerms,
): Promise<InvoicePreview> {
  const item = planItemOf(await stripe.subscriptions.retrieve(subscriptionId));
  const proration_date = secondsOf(at);
  const invoice = await stripe.invoices.createPreview({
    subscription: subscriptionId,
    subscription_details: {
      items: [{ id: item.id, price: priceId, quantity }],
      proration_behavior: 'always_invoice',
      proration_date,
    },
  });
  return presentPreview(invoice, instantOf(proration_date));
}

export async function previewUpcoming(
  stripe: Stripe,
  subscriptionId: string,
): Promise<InvoicePreview | null> {
  try {
    const invoice = await stripe.invoices.createPreview({ subscription: subscriptionId });
    return presentPreview(invoice, instantOf(invoice.created));
  } catch (error) {
    // A subscription that ends with its period has no next invoice.
    if (error instanceof Stripe.errors.StripeInvalidRequestError) return null;
    throw error;
  }
}

function presentPreview(invoice: Stripe.Invoice, prorationAt: Date): InvoicePreview {
  const { currency, subtotal, total, amount_due, next_payment_attempt, period_end } = invoice;
  return {
    currency: currency.toUpperCase(),
    subtotalMinor: subtotal,
    totalMinor: total,
    dueMinor: amount_due,
    prorationAt,
    nextPaymentAt: instantOf(next_payment_attempt ?? period_end),
    lines: invoice.lines.data.map(lineOf),
  };
}

export function lineOf(line: Stripe.InvoiceLineItem): InvoicePreviewLine {
  const { parent, description, amount, quantity, period } = line;
  return {
    description: description ?? '',
    amountMinor: amount,
    quantity,
    periodStart: instantOf(period.start),
    periodEnd: instantOf(period.end),
    proration:
      parent?.subscription_item_details?.proration ?? parent?.invoice_item_details?.proration ?? false,
  };
}
