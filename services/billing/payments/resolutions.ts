/** Payments that arrive, and those that no longer have to: what was bought is in force from that instant on. */

import type { Actor, AuditAction } from '#libs/audit/entry.ts';
import { problem } from '#libs/problems/problems.ts';
import { following } from '../catalogues/domain.ts';
import type { Accounts } from '../subscriptions/accounts.ts';
import type { Subscription } from '../subscriptions/domain.ts';
import { ownPlan, paidMinorOf } from '../subscriptions/plan-change.ts';
import type { SubscriptionTx } from '../subscriptions/subscription-tx.ts';
import { paidFor } from '../subscriptions/transitions.ts';
import { eventDataOf, voidRequest } from './ask-for-payment.ts';
import type { PaymentRequest, PaymentResolution } from './domain.ts';

export type PaymentResolutions = {
  /**
   * Records that a request is paid, which gives what was bought; once, however often it is told.
   *
   * @param staff goes on record as who did it.
   * @throws ProblemError `not_found`, `conflict` for a request that is void.
   */
  markPaid: (id: string, settlement: PaymentResolution, staff?: Actor) => Promise<PaymentRequest>;
  /** @throws ProblemError `not_found`, `conflict` for a request that is paid. */
  voidPayment: (id: string, settlement: PaymentResolution, staff?: Actor) => Promise<PaymentRequest>;
};

export function createPaymentResolutions({
  accounts,
  graceMs,
  payerOf,
}: {
  accounts: Pick<Accounts, 'change'>;
  graceMs: number;
  /** The account that is to pay; undefined where there is no such request. */
  payerOf: (requestId: string) => Promise<string | undefined>;
}): PaymentResolutions {
  async function markPaid(id: string, settlement: PaymentResolution, staff?: Actor): Promise<PaymentRequest> {
    return settle(id, async (request, current, books) => {
      if (request.status === 'void') {
        throw problem('conflict', {
          detail: `The payment request is void: ${request.note}. Ask for the plan again.`,
          fields: { status: request.status },
        });
      }
      if (request.status === 'paid') return { request, next: current };
      const paid = await books.settlePaymentRequest(id, 'paid', settlement);
      await books.record({
        kind: 'payment_received',
        subject: id,
        at: settlement.at,
        data: eventDataOf(request),
      });
      await onRecord(books, 'payment.marked_paid', request, settlement, staff);
      return { request: paid, next: await given(request, current, books, settlement.at) };
    });
  }

  /** The subscription with what a request bought. */
  async function given(
    request: PaymentRequest,
    current: Subscription,
    books: SubscriptionTx,
    at: Date,
  ): Promise<Subscription> {
    const sold = await books.catalogueVersion(current.catalogueVersionId);
    // A credit was reckoned from the day of asking, so that is where the period it pays for begins.
    const startsAt = paidMinorOf(current, sold) > 0 ? request.createdAt : at;
    const next = await following(
      paidFor(current, request, { startsAt, graceMs }),
      current,
      await books.offered(),
      books.catalogueVersion,
    );
    if (request.kind === 'renewal') {
      const { currentPeriodStart, currentPeriodEnd } = next;
      await books.record({
        kind: 'renewed',
        subject: request.id,
        at,
        data: {
          plan: next.planKey,
          period_start: currentPeriodStart.toISOString(),
          period_end: currentPeriodEnd.toISOString(),
        },
      });
      return next;
    }
    await books.convertTrial(at);
    await leaveTrial(current, books, at, true);
    await books.record({
      kind: 'plan_changed',
      at,
      data: { from: ownPlan(current, sold).key, to: next.planKey, reason: 'upgrade' },
    });
    return next;
  }

  async function voidPayment(
    id: string,
    settlement: PaymentResolution,
    staff?: Actor,
  ): Promise<PaymentRequest> {
    return settle(id, async (request, current, books) => {
      if (request.status === 'paid') {
        throw problem('conflict', {
          detail: 'The payment request is paid.',
          fields: { status: request.status },
        });
      }
      if (request.status === 'void') return { request, next: current };
      const voided = await voidRequest(books, request, settlement);
      await onRecord(books, 'payment.voided', request, settlement, staff);
      return { request: voided, next: current };
    });
  }

  async function settle(
    id: string,
    decide: (
      request: PaymentRequest,
      current: Subscription,
      books: SubscriptionTx,
    ) => Promise<{ request: PaymentRequest; next: Subscription }>,
  ): Promise<PaymentRequest> {
    const accountId = await payerOf(id);
    if (accountId === undefined) throw problem('not_found');
    let settled: PaymentRequest | undefined;
    await accounts.change(accountId, async (current, books) => {
      const request = await books.paymentRequest(id);
      if (request === undefined) throw problem('not_found');
      const { request: after, next } = await decide(request, current, books);
      settled = after;
      return next;
    });
    if (settled === undefined) throw new Error('a change that was made says what it did');
    return settled;
  }

  return { markPaid, voidPayment };
}

async function onRecord(
  books: SubscriptionTx,
  action: AuditAction,
  request: PaymentRequest,
  { at, note: reason }: PaymentResolution,
  staff: Actor | undefined,
): Promise<void> {
  if (staff === undefined) return;
  const about = { payment_request: request.id, ...eventDataOf(request) };
  const status = action === 'payment.marked_paid' ? 'paid' : 'void';
  await books.audit({
    by: staff,
    at,
    action,
    before: { ...about, status: 'open' },
    after: { ...about, status },
    reason,
  });
}

/** A trial ends where a plan takes its place. */
export async function leaveTrial(
  current: Subscription,
  books: SubscriptionTx,
  at: Date,
  converted: boolean,
): Promise<void> {
  if (current.status !== 'trialing') return;
  const trialId = await books.endTrial(at);
  await books.record({
    kind: 'trial_ended',
    ...(trialId !== undefined && { subject: trialId }),
    at,
    data: { plan: current.planKey, converted },
  });
}
