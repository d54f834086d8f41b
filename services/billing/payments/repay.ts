/** Staff pay money back: to the card, or as a credit note. */

import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { RepaymentWire } from '#libs/contracts/billing-provider-admin.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { insertRepayment, type RepaymentRow, saveRepaymentId } from './change-store.ts';
import { callProvider, type HostedDeps, requireHosted } from './hosted.ts';
import { findInvoicePayment, findInvoicesById, refundedOf } from './stripe/store.ts';

export type RepaymentRequest = {
  kind: RepaymentRow['kind'];
  invoiceId: string;
  amountMinor: number | undefined;
  reason: string;
  by: Actor;
  idempotencyKey: string | undefined;
};

/** The row and its audit entry are committed before the provider is asked, so that no repayment is without them. */
export async function repay(deps: HostedDeps, request: RepaymentRequest): Promise<RepaymentWire> {
  const hosted = requireHosted(deps);
  const { database, runtime } = deps;
  const [invoice] = await findInvoicesById(database, [request.invoiceId]);
  if (invoice === undefined) throw problem('not_found');
  const payment = await findInvoicePayment(database, invoice.id);
  const isPaid = invoice.status === 'paid';
  const { kind, reason, by } = request;
  if (kind === 'refund' && (payment === undefined || !isPaid)) {
    throw problem('semantic_error', { detail: 'The invoice has collected nothing.' });
  }
  const most =
    kind === 'refund'
      ? invoice.paidMinor - (await refundedOf(database, payment?.id ?? ''))
      : isPaid
        ? invoice.paidMinor
        : invoice.remainingMinor;
  const amountMinor = repaidAmount(request, most);
  const row: RepaymentRow = {
    id: runtime.newId(),
    accountId: invoice.accountId,
    kind,
    invoiceId: invoice.id,
    amountMinor,
    currency: invoice.currency,
    reason,
    requestedBy: by.actor,
    requestedAt: runtime.clock.now(),
    externalId: null,
    keyHash: null,
  };
  await transaction(database, async (tx) => {
    await insertRepayment(tx, row);
    await recordAudit(tx, {
      id: runtime.newId(),
      at: row.requestedAt,
      by,
      action: kind === 'refund' ? 'payment.refunded' : 'payment.credited',
      accountId: row.accountId,
      subject: `account:${row.accountId}`,
      before: null,
      after: { invoice: row.invoiceId, amount_minor: amountMinor, currency: row.currency },
      reason,
    });
  });
  const { accountId, id: idempotencyKey } = row;
  const externalId = await callProvider(() =>
    kind === 'refund'
      ? hosted.refund({ paymentId: payment?.id ?? '', amountMinor, accountId, idempotencyKey })
      : hosted.creditInvoice({ invoiceId: invoice.id, amountMinor, memo: reason, isPaid, idempotencyKey }),
  );
  await saveRepaymentId(database, row.id, externalId);
  return presentRepayment({ ...row, externalId });
}

/** All that is left by default. @throws ProblemError `semantic_error` where it is more than `most`. */
export function repaidAmount({ amountMinor }: RepaymentRequest, most: number): number {
  const amount = amountMinor ?? most;
  if (amount >= 1 && amount <= most) return amount;
  throw problem('semantic_error', {
    detail: `Repay between 1 and ${most} minor units of this invoice.`,
    fields: { available_minor: most },
  });
}

export function presentRepayment(row: RepaymentRow): RepaymentWire {
  return {
    id: row.id,
    account_id: row.accountId,
    kind: row.kind,
    invoice_id: row.invoiceId,
    amount_minor: row.amountMinor,
    currency: row.currency,
    reason: row.reason,
    provider_id: row.externalId,
  };
}
