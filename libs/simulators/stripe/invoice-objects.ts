import Stripe from 'stripe';
import type { ObjectBasis } from './catalogue-objects.ts';
import { listObject, type Period } from './subscription-objects.ts';

export function lineObject(
  id: string,
  of: {
    amount: number;
    price: Stripe.Price;
    product: string;
    quantity: number;
    period: Period;
    description: string;
    proration: boolean;
    subscription: string;
    item: string;
    credited: { invoice: string; lines: string[] } | null;
    discount: { amount: number; id: string } | null;
  },
): Stripe.InvoiceLineItem {
  return {
    id,
    object: 'line_item',
    amount: of.amount,
    currency: of.price.currency,
    description: of.description,
    discount_amounts: of.discount === null ? [] : [{ amount: of.discount.amount, discount: of.discount.id }],
    discountable: !of.proration,
    discounts: of.discount === null ? [] : [of.discount.id],
    invoice: null,
    livemode: false,
    metadata: {},
    parent: {
      type: 'subscription_item_details',
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: of.proration,
        proration_details: {
          credited_items:
            of.credited === null
              ? null
              : { invoice: of.credited.invoice, invoice_line_items: of.credited.lines },
        },
        subscription: of.subscription,
        subscription_item: of.item,
      },
    },
    period: of.period,
    pretax_credit_amounts: [],
    pricing: {
      type: 'price_details',
      price_details: { price: of.price.id, product: of.product },
      unit_amount_decimal: of.price.unit_amount_decimal,
    },
    quantity: of.quantity,
    quantity_decimal: Stripe.Decimal.from(of.quantity),
    subscription: of.subscription,
    subtotal: of.amount,
    taxes: [],
  };
}

export function invoiceObject(
  { id, created }: ObjectBasis,
  of: {
    customer: Stripe.Customer;
    /** Null for an invoice of its own. */
    subscription: Stripe.Subscription | null;
    reason: string;
    lines: Stripe.InvoiceLineItem[];
    period: Period;
    finalizesAt: number | null;
    url: string;
    prorationDate: number | null;
  },
): Stripe.Invoice {
  const subtotal = of.lines.reduce((sum, line) => sum + line.amount, 0);
  const discounts = of.lines.flatMap((line) => line.discount_amounts ?? []);
  const total = subtotal - discounts.reduce((sum, { amount }) => sum + amount, 0);
  return {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'Simulated account',
    account_tax_ids: null,
    amount_due: Math.max(total, 0),
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: Math.max(total, 0),
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: true,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: of.finalizesAt,
    billing_reason: of.reason,
    collection_method: 'charge_automatically',
    created,
    currency: of.subscription?.currency ?? of.customer.currency ?? 'usd',
    custom_fields: null,
    customer: of.customer.id,
    customer_account: null,
    customer_address: null,
    customer_email: of.customer.email,
    customer_name: of.customer.name ?? null,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [...(of.subscription?.discounts ?? [])],
    due_date: null,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: listObject(of.lines, `/v1/invoices/${id}/lines`),
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent:
      of.subscription === null
        ? null
        : {
            type: 'subscription_details',
            quote_details: null,
            subscription_details: {
              metadata: { ...of.subscription.metadata },
              subscription: of.subscription.id,
              ...(of.prorationDate !== null && { subscription_proration_date: of.prorationDate }),
            },
          },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    payments: listObject<Stripe.InvoicePayment>([], `/v1/invoice_payments?invoice=${id}`),
    period_end: of.period.end,
    period_start: of.period.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: of.customer.balance,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
    subtotal,
    subtotal_excluding_tax: subtotal,
    test_clock: of.customer.test_clock ?? null,
    total,
    total_discount_amounts: discounts,
    total_excluding_tax: total,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  };
}

export function invoicePaymentObject(
  { id, created }: ObjectBasis,
  of: { invoice: string; amount: number; currency: string; paymentIntent: string },
): Stripe.InvoicePayment {
  return {
    id,
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: of.amount,
    created,
    currency: of.currency,
    invoice: of.invoice,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: of.paymentIntent },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  };
}
