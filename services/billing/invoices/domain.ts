import type { InvoiceWire } from '#libs/contracts/billing.ts';
import type { invoices } from '#libs/db/schema/stripe.ts';

export function presentInvoice(row: typeof invoices.$inferSelect): InvoiceWire {
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
