/** Asking for money, and no longer asking for it. */
import type { EventData } from '../subscriptions/billing-event.ts';
import type { CatalogueVersion, Subscription } from '../subscriptions/domain.ts';
import { ownPlan } from '../subscriptions/plan-change.ts';
import type { SubscriptionTx } from '../subscriptions/subscription-tx.ts';
import { renewalMinorOf } from '../subscriptions/transitions.ts';
import type { PaymentDraft, PaymentRequest, PaymentResolution } from './domain.ts';

/** Who acts where nobody does. */
export const SYSTEM_ACTOR = 'billing';

/** Asks for the price of the period that has begun, in place of whatever was asked for before. */
export async function askForRenewal(
  subscription: Subscription,
  sold: CatalogueVersion,
  books: SubscriptionTx,
  { at, note }: { at: Date; note: string },
): Promise<PaymentRequest> {
  const open = await books.openPaymentRequest();
  if (open?.kind === 'renewal') return open;
  if (open !== undefined) await voidRequest(books, open, { at, by: SYSTEM_ACTOR, note });
  return addRequest(
    books,
    {
      kind: 'renewal',
      catalogueVersionId: sold.id,
      planKey: ownPlan(subscription, sold).key,
      cycle: subscription.cycle,
      amountMinor: renewalMinorOf(subscription, sold),
      currency: sold.catalogue.currency,
      expiresAt: subscription.accessEndsAt ?? subscription.currentPeriodEnd,
    },
    at,
  );
}

export async function addRequest(
  books: SubscriptionTx,
  draft: PaymentDraft,
  at: Date,
): Promise<PaymentRequest> {
  const request = await books.addPaymentRequest(draft, at);
  await books.record({ kind: 'payment_requested', subject: request.id, at, data: eventDataOf(request) });
  return request;
}

export async function voidRequest(
  books: SubscriptionTx,
  request: PaymentRequest,
  settlement: PaymentResolution,
): Promise<PaymentRequest> {
  const voided = await books.settlePaymentRequest(request.id, 'void', settlement);
  await books.record({
    kind: 'payment_voided',
    subject: request.id,
    at: settlement.at,
    data: { ...eventDataOf(request), note: settlement.note },
  });
  return voided;
}

export async function voidOpenRequest(books: SubscriptionTx, settlement: PaymentResolution): Promise<void> {
  const open = await books.openPaymentRequest();
  if (open !== undefined) await voidRequest(books, open, settlement);
}

export function eventDataOf({ kind, planKey, cycle, amountMinor }: PaymentRequest): EventData {
  return { payment: kind, plan: planKey, cycle, amount_minor: amountMinor };
}
