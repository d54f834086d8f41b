/** Stripe's objects as rows. */
import type Stripe from 'stripe';
import type { ExternalSubscription } from '../../subscriptions/domain/external-subscription.ts';
import { idOf, instantOf } from './client.ts';
import { planItemOf } from './convert.ts';
import { lineOf } from './previews.ts';
import type { InvoiceRow, PaymentRow, RefundRow, SubscriptionRow } from './store.ts';

type Read = { accountId: string; readNumber: bigint };

export function subscriptionRow(
  subscription: Stripe.Subscription,
  external: ExternalSubscription,
  {
    accountId,
    readNumber,
    readAt,
    isDuplicate,
    scheduledQuantity,
  }: Read & { readAt: Date; isDuplicate: boolean; scheduledQuantity: number | null },
): SubscriptionRow {
  const { schedule, latest_invoice, ended_at } = subscription;
  return {
    id: external.id,
    accountId,
    customerId: idOf(subscription.customer),
    status: external.status,
    planKey: external.plan?.planKey ?? null,
    cycle: external.plan?.cycle ?? null,
    priceId: planItemOf(subscription).price.id,
    quantity: external.quantity,
    scheduledQuantity,
    currentPeriodStart: external.currentPeriodStart,
    currentPeriodEnd: external.currentPeriodEnd,
    paidThrough: external.paidThrough,
    trialEndsAt: external.trialEndsAt,
    cancelAt: external.cancelAt,
    isPaused: external.isPaused,
    scheduleId: schedule === null ? null : idOf(schedule),
    latestInvoiceId: latest_invoice === null ? null : idOf(latest_invoice),
    createdAt: external.createdAt,
    endedAt: ended_at === null ? null : instantOf(ended_at),
    isDuplicate,
    readNumber,
    readAt,
  };
}

export function invoiceRow(invoice: Stripe.Invoice, { accountId, readNumber }: Read): InvoiceRow {
  const { parent, status_transitions, next_payment_attempt } = invoice;
  const subscription = parent?.subscription_details?.subscription;
  return {
    id: invoice.id,
    accountId,
    subscriptionId: subscription === undefined ? null : idOf(subscription),
    number: invoice.number,
    status: invoice.status ?? 'draft',
    reason: invoice.billing_reason,
    currency: invoice.currency.toUpperCase(),
    subtotalMinor: invoice.subtotal,
    totalMinor: invoice.total,
    dueMinor: invoice.amount_due,
    paidMinor: invoice.amount_paid,
    remainingMinor: invoice.amount_remaining,
    hostedUrl: invoice.hosted_invoice_url ?? null,
    pdfUrl: invoice.invoice_pdf ?? null,
    periodStart: instantOf(invoice.period_start),
    periodEnd: instantOf(invoice.period_end),
    attemptCount: invoice.attempt_count,
    nextAttemptAt: next_payment_attempt === null ? null : instantOf(next_payment_attempt),
    createdAt: instantOf(invoice.created),
    paidAt: status_transitions.paid_at === null ? null : instantOf(status_transitions.paid_at),
    lines: invoice.lines.data.map((line) => {
      const { description, amountMinor, quantity, periodStart, periodEnd, proration } = lineOf(line);
      return {
        description,
        amount_minor: amountMinor,
        quantity,
        period_start: periodStart.toISOString(),
        period_end: periodEnd.toISOString(),
        proration,
      };
    }),
    readNumber,
  };
}

/** @param intents statuses of payment intents that were read, such as `requires_action`. */
export function paymentRows(
  invoice: Stripe.Invoice,
  { accountId, readNumber }: Read,
  intents: ReadonlyMap<string, string>,
): PaymentRow[] {
  return (invoice.payments?.data ?? []).flatMap((payment) => {
    const reference = payment.payment.payment_intent;
    if (reference === undefined) return [];
    const id = idOf(reference);
    return [
      {
        id,
        accountId,
        invoiceId: invoice.id,
        amountMinor: payment.amount_paid ?? payment.amount_requested,
        currency: payment.currency.toUpperCase(),
        status: intents.get(id) ?? payment.status,
        createdAt: instantOf(payment.created),
        readNumber,
      },
    ];
  });
}

export function refundRow(refund: Stripe.Refund, { accountId, readNumber }: Read): RefundRow {
  return {
    id: refund.id,
    accountId,
    paymentId: refund.payment_intent === null ? null : idOf(refund.payment_intent),
    amountMinor: refund.amount,
    currency: refund.currency.toUpperCase(),
    status: refund.status ?? 'pending',
    reason: refund.reason,
    createdAt: instantOf(refund.created),
    readNumber,
  };
}
