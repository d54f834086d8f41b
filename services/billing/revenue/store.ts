import { and, eq, gt, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { subscriptions } from '#libs/db/schema/billing.ts';
import { stripeSubscriptions } from '#libs/db/schema/stripe.ts';

/** Accounts whose access has not ended, by their terms. Assigned plans are free of charge. */
export function countTerms(db: Queryable, now: Date) {
  const { catalogueVersionId, planKey, cycle, status, cancelAtPeriodEnd } = subscriptions;
  const seats = sql<number>`coalesce(${subscriptions.seats}, 1)`;
  const isPaused = sql<boolean>`coalesce(${stripeSubscriptions.isPaused}, ${subscriptions.pausedTerms} IS NOT NULL)`;
  return db
    .select({
      catalogueVersionId,
      planKey,
      cycle,
      status: sql<'active' | 'past_due' | 'trialing'>`${status}`,
      isEnding: cancelAtPeriodEnd,
      seats,
      isPaused,
      accounts: sql<number>`count(*)::int`,
    })
    .from(subscriptions)
    .leftJoin(stripeSubscriptions, eq(stripeSubscriptions.id, subscriptions.externalId))
    .where(
      and(
        inArray(status, ['active', 'past_due', 'trialing']),
        eq(subscriptions.complimentary, false),
        or(isNull(subscriptions.accessEndsAt), gt(subscriptions.accessEndsAt, now)),
      ),
    )
    .groupBy(catalogueVersionId, planKey, cycle, status, cancelAtPeriodEnd, seats, isPaused);
}
