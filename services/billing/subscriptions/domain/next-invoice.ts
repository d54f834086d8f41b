/** What billing will charge for the next period of a subscription that it renews itself. */
import { nextPeriodOf } from './reconcile.ts';
import type { Versions } from './state.ts';
import { paidSeatsOf, type Subscription } from './subscription.ts';

export type NextInvoice = {
  planKey: string;
  catalogueVersionId: string;
  seats: number;
  amountMinor: number;
  periodStart: Date;
  periodEnd: Date;
};

/** Null where the provider renews it, where it is free, and where it ends or pauses with its period. */
export function nextInvoiceOf(current: Subscription, versions: Versions): NextInvoice | null {
  const { externalId, cancelAtPeriodEnd, pausedTerms, trialEndsAt, currentPeriodEnd: now } = current;
  if (externalId !== null || cancelAtPeriodEnd || pausedTerms !== null || trialEndsAt !== null) return null;
  const { subscription, owedMinor } = nextPeriodOf(current, versions, { now, graceMs: 0 });
  if (owedMinor === 0) return null;
  const { planKey, catalogueVersionId, currentPeriodStart, currentPeriodEnd } = subscription;
  return {
    planKey,
    catalogueVersionId,
    seats: paidSeatsOf(subscription),
    amountMinor: owedMinor,
    periodStart: currentPeriodStart,
    periodEnd: currentPeriodEnd,
  };
}
