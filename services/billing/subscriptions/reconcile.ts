/** What time has done to a subscription. */
import { findPlan } from '#libs/catalogue/plans.ts';
import { versionAtEnd } from '../catalogues/domain.ts';
import { askForRenewal, SYSTEM_ACTOR, voidOpenRequest, voidRequest } from '../payments/ask-for-payment.ts';
import { defaultPlanOf, isFree } from '../plans/offer.ts';
import type { CatalogueVersion, Subscription } from './domain.ts';
import type { SubscriptionTx } from './subscription-tx.ts';
import { onDefaultPlan, rolledOn } from './transitions.ts';

/** Whether time has changed anything that the subscription does not say yet. */
export function isDue({ currentPeriodEnd, trialEndsAt, accessEndsAt }: Subscription, now: Date): boolean {
  return [currentPeriodEnd, trialEndsAt, accessEndsAt].some((instant) => instant !== null && instant <= now);
}

/**
 * Brings a subscription up to date: trials that are over, access that is lost, periods that have ended. What is owed
 * for a new period is asked for, and never taken as paid. Doing it again changes nothing.
 */
export async function reconcileSubscription(
  subscription: Subscription,
  books: SubscriptionTx,
  { now, graceMs }: { now: Date; graceMs: number },
): Promise<Subscription> {
  await dropExpiredRequest(books, now);
  let current = subscription;
  while (isDue(current, now)) {
    if (current.trialEndsAt !== null && current.trialEndsAt <= now) {
      current = await endTrial(current, current.trialEndsAt, books);
    } else if (current.accessEndsAt !== null && current.accessEndsAt <= now) {
      current = await endAccess(current, current.accessEndsAt, books);
    } else {
      const sold = await books.catalogueVersion(current.catalogueVersionId);
      current = await renew(current, sold, books, { now, graceMs });
    }
  }
  return current;
}

async function dropExpiredRequest(books: SubscriptionTx, now: Date): Promise<void> {
  const open = await books.openPaymentRequest();
  if (open !== undefined && open.expiresAt <= now) {
    await voidRequest(books, open, { at: open.expiresAt, by: SYSTEM_ACTOR, note: 'not paid in time' });
  }
}

async function endTrial(current: Subscription, at: Date, books: SubscriptionTx): Promise<Subscription> {
  const trialId = await books.endTrial(at);
  const next = onDefaultPlan(current, await versionAtEnd(current, books.catalogueVersion), at);
  await books.record({
    kind: 'trial_ended',
    ...(trialId !== undefined && { subject: trialId }),
    at,
    data: { plan: current.planKey, next_plan: next.planKey, converted: false },
  });
  return next;
}

async function endAccess(current: Subscription, at: Date, books: SubscriptionTx): Promise<Subscription> {
  const reason = current.cancelAtPeriodEnd ? 'cancelled' : 'payment_overdue';
  await voidOpenRequest(books, { at, by: SYSTEM_ACTOR, note: reason });
  const next = onDefaultPlan(current, await versionAtEnd(current, books.catalogueVersion), at);
  await books.record({
    kind: 'subscription_ended',
    at,
    data: { plan: current.planKey, next_plan: next.planKey, reason },
  });
  return next;
}

async function renew(
  current: Subscription,
  sold: CatalogueVersion,
  books: SubscriptionTx,
  { now, graceMs }: { now: Date; graceMs: number },
): Promise<Subscription> {
  const at = current.currentPeriodEnd;
  const { subscription, sold: soldNow } = await withScheduledChange(current, sold, books);
  const { subscription: next, owedMinor } = rolledOn(subscription, soldNow, graceMs, now);
  // An upgrade that was asked for and not paid was priced for the period that has ended.
  if (owedMinor > 0) await askForRenewal(next, soldNow, books, { at, note: 'the period has ended' });
  if (next.planKey !== current.planKey) {
    await books.record({
      kind: 'plan_changed',
      at,
      data: { from: current.planKey, to: next.planKey, reason: 'scheduled' },
    });
  }
  return next;
}

async function withScheduledChange(
  current: Subscription,
  sold: CatalogueVersion,
  books: SubscriptionTx,
): Promise<{ subscription: Subscription; sold: CatalogueVersion }> {
  const { scheduledChange: change } = current;
  if (change === null) return { subscription: current, sold };
  const next = await books.catalogueVersion(change.catalogueVersionId);
  const plan = findPlan(next.catalogue, change.planKey) ?? defaultPlanOf(next.catalogue);
  return {
    sold: next,
    subscription: {
      ...current,
      planKey: plan.key,
      cycle: change.cycle,
      catalogueVersionId: next.id,
      // A gift stays one in a smaller plan, and in the plan's successor.
      complimentary: current.complimentary && !isFree(plan),
      accessEndsAt: null,
      scheduledChange: null,
    },
  };
}
