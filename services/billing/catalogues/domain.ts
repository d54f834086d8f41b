/** What publishing a catalogue version does to subscriptions that exist. */
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { defaultPlanOf } from '../plans/offer.ts';
import type { CatalogueVersion, PlanTerms, ScheduledChange, Subscription } from '../subscriptions/domain.ts';
import { paidMinorOf } from '../subscriptions/plan-change.ts';

export type PlanMapping = { plan: Plan; by: 'key' | 'alias' | 'rank' | 'default' };

/**
 * The plan of another catalogue that takes a plan's place: the one with its key, else one that shares a name with it,
 * else the highest on offer of no higher rank, so that nobody is given more than they have; else the default plan.
 */
export function mapPlan(planKey: string, from: Catalogue, to: Catalogue): PlanMapping {
  const same = to.plans.find(({ key }) => key === planKey);
  if (same !== undefined) return { plan: same, by: 'key' };
  const old = findPlan(from, planKey);
  for (const name of [planKey, ...(old?.aliases ?? [])]) {
    const alike = findPlan(to, name);
    if (alike !== undefined) return { plan: alike, by: 'alias' };
  }
  const below = old && plansByRank(to).findLast(({ rank, listed }) => listed && rank <= old.rank);
  if (below !== undefined) return { plan: below, by: 'rank' };
  return { plan: defaultPlanOf(to), by: 'default' };
}

/** Reads the version that something is pinned to. */
type VersionOf = (id: string) => Promise<CatalogueVersion>;

/** On its plan's successor at once. Period, price paid and trial stay as they are. */
export async function movedNow(
  subscription: Subscription,
  target: CatalogueVersion,
  versionOf: VersionOf,
): Promise<Subscription> {
  const { scheduledChange, status } = subscription;
  const sold = await versionOf(subscription.catalogueVersionId);
  const moved = {
    ...subscription,
    ...(await inVersion(subscription, target, versionOf)),
    // Only a period that runs and is not owed has been paid, be it with nothing.
    ...(status === 'active' && { periodPaidMinor: paidMinorOf(subscription, sold) }),
  };
  return scheduled(
    moved,
    scheduledChange && { ...(await inVersion(scheduledChange, target, versionOf)), movesTo: null },
  );
}

/** To be on its plan's successor when the period ends; a change that waits already goes there too. */
export async function movedAtPeriodEnd(
  subscription: Subscription,
  target: CatalogueVersion,
  versionOf: VersionOf,
): Promise<Subscription> {
  const next = await inVersion(subscription.scheduledChange ?? subscription, target, versionOf);
  return scheduled(subscription, { ...next, movesTo: target.id });
}

/**
 * What was paid for may have been asked for before a newer catalogue version was published: it follows there as its
 * subscription did, or will.
 *
 * @param before the subscription as it was until the payment.
 */
export async function following(
  paid: Subscription,
  before: Subscription,
  offered: CatalogueVersion,
  versionOf: VersionOf,
): Promise<Subscription> {
  if (paid.catalogueVersionId === offered.id) return paid;
  if (before.catalogueVersionId === offered.id) return movedNow(paid, offered, versionOf);
  return stillMoving(paid, before, versionOf);
}

/** A subscription that had to be on another catalogue version by the end of its period still has to, however it changed. */
export async function stillMoving(
  subscription: Subscription,
  { scheduledChange }: Subscription,
  versionOf: VersionOf,
): Promise<Subscription> {
  const movesTo = scheduledChange?.movesTo ?? null;
  return movesTo === null
    ? subscription
    : movedAtPeriodEnd(subscription, await versionOf(movesTo), versionOf);
}

/** The catalogue version that a subscription is in once its plan has ended. */
export function versionAtEnd(
  { scheduledChange, catalogueVersionId }: Subscription,
  versionOf: VersionOf,
): Promise<CatalogueVersion> {
  return versionOf(scheduledChange?.movesTo ?? catalogueVersionId);
}

/** A change into what is there already is none. */
function scheduled(subscription: Subscription, next: ScheduledChange | null): Subscription {
  const isNone =
    next?.planKey === subscription.planKey &&
    next.cycle === subscription.cycle &&
    next.catalogueVersionId === subscription.catalogueVersionId;
  return { ...subscription, scheduledChange: isNone ? null : next };
}

async function inVersion(
  { planKey, cycle, catalogueVersionId }: PlanTerms,
  target: CatalogueVersion,
  versionOf: VersionOf,
): Promise<PlanTerms> {
  const { catalogue } = await versionOf(catalogueVersionId);
  const { plan } = mapPlan(planKey, catalogue, target.catalogue);
  return { planKey: plan.key, cycle, catalogueVersionId: target.id };
}
