import type Stripe from 'stripe';
import type { ObjectBasis } from './catalogue-objects.ts';
import { listObject } from './subscription-objects.ts';

type Money = { amount: number; currency: string };

export function paymentIntentObject(
  { id, created }: ObjectBasis,
  of: Money & { customer: string; description: string },
): Stripe.PaymentIntent {
  return {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: of.amount,
    amount_capturable: 0,
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: `${id}_secret_simulated`,
    confirmation_method: 'automatic',
    created,
    currency: of.currency,
    customer: of.customer,
    customer_account: null,
    description: of.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: {},
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: null,
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: null,
    review: null,
    setup_future_usage: 'off_session',
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_group: null,
  };
}

export function chargeObject(
  { id, created }: ObjectBasis,
  of: Money & { customer: string; paymentIntent: string; paymentMethod: string; paid: boolean },
): Stripe.Charge {
  return {
    id,
    object: 'charge',
    amount: of.amount,
    amount_captured: of.paid ? of.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: null,
    captured: of.paid,
    created,
    currency: of.currency,
    customer: of.customer,
    description: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: of.paid ? null : 'card_declined',
    failure_message: of.paid ? null : 'Your card was declined.',
    fraud_details: {},
    livemode: false,
    metadata: {},
    on_behalf_of: null,
    outcome: null,
    paid: of.paid,
    payment_intent: of.paymentIntent,
    payment_method: of.paymentMethod,
    payment_method_details: null,
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: of.paid ? 'succeeded' : 'failed',
    transfer_data: null,
    transfer_group: null,
  };
}

export function refundObject(
  { id, created }: ObjectBasis,
  of: Money & { charge: Stripe.Charge; reason: string | null; metadata: Stripe.Metadata },
): Stripe.Refund {
  return {
    id,
    object: 'refund',
    amount: of.amount,
    balance_transaction: null,
    charge: of.charge.id,
    created,
    currency: of.currency,
    customer: of.charge.customer,
    customer_account: null,
    metadata: of.metadata,
    payment_intent: of.charge.payment_intent,
    payment_method: of.charge.payment_method,
    reason: of.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  };
}

export function creditNoteObject(
  { id, created }: ObjectBasis,
  of: Money & {
    invoice: Stripe.Invoice;
    customer: string;
    prePayment: number;
    memo: string | null;
    reason: string | null;
    refund: Stripe.Refund | null;
    metadata: Stripe.Metadata;
  },
): Stripe.CreditNote {
  return {
    id,
    object: 'credit_note',
    amount: of.amount,
    amount_shipping: 0,
    created,
    currency: of.currency,
    customer: of.customer,
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: created,
    invoice: of.invoice.id,
    lines: listObject<Stripe.CreditNoteLineItem>([], `/v1/credit_notes/${id}/lines`),
    livemode: false,
    memo: of.memo,
    metadata: of.metadata,
    number: `${of.invoice.number ?? of.invoice.id}-CN`,
    out_of_band_amount: null,
    pdf: `${of.invoice.invoice_pdf ?? ''}?credit_note=${id}`,
    post_payment_amount: of.amount - of.prePayment,
    pre_payment_amount: of.prePayment,
    pretax_credit_amounts: [],
    reason: of.reason,
    refunds:
      of.refund === null
        ? []
        : [
            {
              amount_refunded: of.refund.amount,
              refund: of.refund.id,
              payment_record_refund: null,
              type: 'refund',
            },
          ],
    shipping_cost: null,
    status: 'issued',
    subtotal: of.amount,
    subtotal_excluding_tax: of.amount,
    total: of.amount,
    total_excluding_tax: of.amount,
    total_taxes: [],
    type: of.prePayment > 0 ? 'pre_payment' : 'post_payment',
    voided_at: null,
  };
}
