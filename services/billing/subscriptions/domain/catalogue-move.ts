/** What publishing a catalogue version does to existing subscriptions. */
import { mapPlan } from '../../catalogues/domain/plan-mapping.ts';
import { paidMinorOf } from './plan-change.ts';
import { type Versions, versionIn } from './state.ts';
import type { CatalogueVersion, PlanTerms, ScheduledChange, Subscription } from './subscription.ts';

/** Moves to the plan's successor at once. Period, paid amount and trial stay as they are. */
export function movedNow(
  subscription: Subscription,
  target: CatalogueVersion,
  versions: Versions,
): Subscription {
  const { scheduledChange, status } = subscription;
  const sold = versionIn(versions, subscription.catalogueVersionId);
  const moved = {
    ...subscription,
    ...termsIn(target, subscription, versions),
    // Only an active period is paid for, even if its price is 0.
    ...(status === 'active' && { periodPaidMinor: paidMinorOf(subscription, sold) }),
  };
  return withScheduledChange(
    moved,
    scheduledChange && { ...termsIn(target, scheduledChange, versions), movesTo: null },
  );
}

/** Schedules the move to the plan's successor. A change that is scheduled already is moved with it. */
export function movedAtPeriodEnd(
  subscription: Subscription,
  target: CatalogueVersion,
  versions: Versions,
): Subscription {
  const next = termsIn(target, subscription.scheduledChange ?? subscription, versions);
  return withScheduledChange(subscription, { ...next, movesTo: target.id });
}

/**
 * A payment may have been requested before a newer catalogue version was published. What it buys then moves to that
 * version as the subscription did, or is scheduled to.
 *
 * @param before the subscription until the payment.
 */
export function movedLike(
  before: Subscription,
  paid: Subscription,
  offered: CatalogueVersion,
  versions: Versions,
): Subscription {
  if (paid.catalogueVersionId === offered.id) return paid;
  if (before.catalogueVersionId === offered.id) return movedNow(paid, offered, versions);
  return keepScheduledMove(before, paid, versions);
}

/** Keeps a move to another catalogue version that was scheduled before the subscription changed. */
export function keepScheduledMove(
  { scheduledChange }: Subscription,
  changed: Subscription,
  versions: Versions,
): Subscription {
  const movesTo = scheduledChange?.movesTo ?? null;
  return movesTo === null ? changed : movedAtPeriodEnd(changed, versionIn(versions, movesTo), versions);
}

/** The catalogue version that a subscription is on once its plan has ended. */
export function versionAtEnd(
  { scheduledChange, catalogueVersionId }: Subscription,
  versions: Versions,
): CatalogueVersion {
  return versionIn(versions, scheduledChange?.movesTo ?? catalogueVersionId);
}

/** A scheduled change to the current terms is dropped. */
function withScheduledChange(subscription: Subscription, next: ScheduledChange | null): Subscription {
  const isNoChange =
    next?.planKey === subscription.planKey &&
    next.cycle === subscription.cycle &&
    next.catalogueVersionId === subscription.catalogueVersionId;
  return { ...subscription, scheduledChange: isNoChange ? null : next };
}

function termsIn(
  target: CatalogueVersion,
  { planKey, cycle, catalogueVersionId }: PlanTerms,
  versions: Versions,
): PlanTerms {
  const { catalogue } = versionIn(versions, catalogueVersionId);
  const { plan } = mapPlan(planKey, catalogue, target.catalogue);
  return { planKey: plan.key, cycle, catalogueVersionId: target.id };
}
