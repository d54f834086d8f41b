/** Staff refund a payment that no provider collected. */
import { hash } from 'node:crypto';
import type { RepaymentWire } from '#libs/contracts/billing-provider-admin.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { addEffects, addNotice, beginChange, decide } from '../../subscriptions/domain/decision.ts';
import { changeInTransaction, lockAccount, type SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { findRepayment, insertRepayment, type RepaymentRow, refundedOfRequests } from '../change-store.ts';
import type { PaymentRequest } from '../domain.ts';
import { presentRepayment, type RepaymentRequest, repaidAmount } from '../repay.ts';
import { findManualRequest } from '../store.ts';

/**
 * Records a refund of a paid request; staff return the money by themselves. Refunds of an account run one after the other,
 * so that their sum never exceeds the payment. A key that was used before returns its refund, also where the first response was
 * lost.
 *
 * @throws ProblemError `semantic_error`, `idempotency_key_reused`, and `payments_not_hosted` for a credit note, which needs the balance of a provider.
 */
export async function refundManually(
  deps: SubscriptionDeps,
  { id, accountId }: PaymentRequest,
  repayment: RepaymentRequest,
): Promise<RepaymentWire> {
  if (repayment.kind === 'credit_note') {
    throw problem('payments_not_hosted', {
      detail: 'Manual payments have no balance that a credit note could change. Refund the payment instead.',
    });
  }
  return transaction(deps.database, async (tx) => {
    await lockAccount(tx, accountId);
    const keyHash = repayment.idempotencyKey === undefined ? null : hash('sha256', repayment.idempotencyKey);
    const requestedBy = repayment.by.actor;
    const earlier = keyHash === null ? undefined : await findRepayment(tx, { requestedBy, keyHash });
    if (earlier !== undefined) return presentRepayment(requireSame(earlier, repayment));
    const payment = await findManualRequest(tx, id);
    if (payment?.status !== 'paid') {
      throw problem('semantic_error', { detail: 'The payment request is not paid.' });
    }
    const refunded = (await refundedOfRequests(tx, accountId, [id])).get(id) ?? 0;
    const row: RepaymentRow = {
      id: deps.runtime.newId(),
      accountId,
      kind: 'refund',
      invoiceId: id,
      amountMinor: repaidAmount(repayment, payment.amountMinor - refunded),
      currency: payment.currency,
      reason: repayment.reason,
      requestedBy,
      requestedAt: deps.runtime.clock.now(),
      externalId: null,
      keyHash,
    };
    await insertRepayment(tx, row);
    await recordRefund(tx, deps, row, repayment);
    return presentRepayment(row);
  });
}

function requireSame(
  earlier: RepaymentRow,
  { invoiceId, amountMinor, reason }: RepaymentRequest,
): RepaymentRow {
  const isSame =
    earlier.invoiceId === invoiceId.toLowerCase() &&
    earlier.reason === reason &&
    (amountMinor ?? earlier.amountMinor) === earlier.amountMinor;
  if (!isSame) throw problem('idempotency_key_reused');
  return earlier;
}

/** With the event, the notification and the audit entry of a refund. The plan stays as it is. */
async function recordRefund(
  tx: Tx,
  deps: SubscriptionDeps,
  { id, accountId, invoiceId, amountMinor, currency, reason, requestedAt: at }: RepaymentRow,
  { by }: RepaymentRequest,
): Promise<void> {
  const amount = { amount_minor: amountMinor, currency };
  await changeInTransaction(tx, deps, { accountId }, (state) => {
    const audited = addEffects(beginChange(state), {
      kind: 'audit',
      entry: {
        ...{ by, at, reason },
        action: 'payment.refunded',
        before: null,
        after: { invoice: invoiceId, ...amount },
      },
    });
    const data = { refund: id, ...amount };
    const notified = addNotice(audited, { kind: 'refunded', subject: id, at, data });
    return decide(notified, { kind: 'unchanged' });
  });
}
