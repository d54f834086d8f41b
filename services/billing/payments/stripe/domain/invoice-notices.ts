/** What the account's contacts learn from an invoice. Each notice is recorded once, however often the invoice is read. */
import type { BillingEventDraft } from '../../../subscriptions/domain/billing-event.ts';
import type { Effect } from '../../../subscriptions/domain/decision.ts';

export type NoticedInvoice = {
  id: string;
  status: string;
  reason: string | null;
  dueMinor: number;
  paidMinor: number;
  currency: string;
  attemptCount: number;
  hostedUrl: string | null;
  nextAttemptAt: Date | null;
  needsAction: boolean;
};

export function invoiceNotices(invoice: NoticedInvoice, at: Date): Effect[] {
  const { id, status, attemptCount, dueMinor, paidMinor, currency, hostedUrl, nextAttemptAt } = invoice;
  if (status === 'paid' && paidMinor > 0) {
    const data = { invoice: id, amount_minor: paidMinor, currency, reason: invoice.reason };
    return [notice({ kind: 'payment_received', subject: id, at, data })];
  }
  if (status !== 'open' || attemptCount === 0) return [];
  const data = {
    invoice: id,
    amount_minor: dueMinor,
    currency,
    url: hostedUrl,
    next_attempt_at: nextAttemptAt?.toISOString() ?? null,
  };
  const kind = invoice.needsAction ? 'payment_action_required' : 'payment_failed';
  return [notice({ kind, subject: `${id} ${attemptCount}`, at, data })];
}

function notice(event: BillingEventDraft): Effect {
  return { kind: 'notified_event', event };
}
