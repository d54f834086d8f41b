import type { InvoiceWire } from '#libs/contracts/billing.ts';
import type { invoices } from '#libs/db/schema/stripe.ts';
import type { PaymentRequest } from '../payments/domain.ts';

export function presentInvoice(
  row: typeof invoices.$inferSelect,
  { refundedMinor }: { refundedMinor: number },
): InvoiceWire {
  return {
    id: row.id,
    number: row.number,
    status: row.status,
    reason: row.reason,
    currency: row.currency,
    subtotal_minor: row.subtotalMinor,
    total_minor: row.totalMinor,
    amount_due_minor: row.dueMinor,
    amount_paid_minor: row.paidMinor,
    amount_remaining_minor: row.remainingMinor,
    amount_refunded_minor: refundedMinor,
    created_at: row.createdAt.toISOString(),
    paid_at: row.paidAt?.toISOString() ?? null,
    next_payment_attempt_at: row.nextAttemptAt?.toISOString() ?? null,
    url: row.hostedUrl,
    pdf_url: row.pdfUrl,
    lines: row.lines.map(({ period_start: start, period_end: end, ...line }) => ({
      ...line,
      period: { start, end },
    })),
  };
}

export type RequestTerms = {
  planName: string;
  /** The page on which it is paid. */
  url: string;
  refundedMinor: number;
  now: Date;
};

/** A payment request as the invoice of its purchase. Its number is the reference on the payment page. */
export function presentRequestInvoice(
  request: PaymentRequest,
  { planName, url, refundedMinor, now }: RequestTerms,
): InvoiceWire {
  const { id, kind, cycle, seats, amountMinor, createdAt, settledAt, periodStart, periodEnd } = request;
  const status = request.status === 'open' && request.expiresAt <= now ? 'void' : request.status;
  const isPartOfPeriod = kind === 'rest_of_period';
  const quantity = seats ?? 1;
  const period =
    periodStart === null || periodEnd === null
      ? null
      : { start: periodStart.toISOString(), end: periodEnd.toISOString() };
  return {
    id,
    number: id,
    status,
    reason: kind,
    currency: request.currency,
    subtotal_minor: amountMinor,
    total_minor: amountMinor,
    amount_due_minor: amountMinor,
    amount_paid_minor: status === 'paid' ? amountMinor : 0,
    amount_remaining_minor: status === 'open' ? amountMinor : 0,
    amount_refunded_minor: refundedMinor,
    created_at: createdAt.toISOString(),
    paid_at: status === 'paid' ? (settledAt?.toISOString() ?? null) : null,
    next_payment_attempt_at: null,
    url,
    pdf_url: null,
    lines: [
      {
        description: `${isPartOfPeriod ? 'Change to ' : ''}${quantity} × ${planName}, by the ${cycle}`,
        amount_minor: amountMinor,
        quantity,
        period,
        proration: isPartOfPeriod,
      },
    ],
  };
}

/** Of one instant, the higher id is the newer one. */
export function newestFirst(invoices: readonly InvoiceWire[]): InvoiceWire[] {
  return invoices.toSorted((a, b) => compare(b.created_at, a.created_at) || compare(b.id, a.id));
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));
