/** The adjustments of accounts, and the lock on terms that many accounts share. */
import { and, asc, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import {
  accountOverrides,
  accountSegments,
  featureFlags,
  guardRailSettings,
} from '#libs/db/schema/billing.ts';
import type { Adjustments } from '../subscriptions/domain/subscription.ts';
import { toFeatureFlag } from './flags/domain.ts';
import { toGuardRailSetting } from './guard-rails/domain.ts';
import { toAccountOverride } from './overrides/domain.ts';

/** A fixed number; every version of this program must use the same. */
const COMMON_TERMS_LOCK = 4_650_716;

/**
 * A transaction that computes an account's limits shares this lock; one that changes terms of many accounts (the active
 * catalogue, a guard rail) takes it exclusively. The accounts computed from the old terms are then exactly those that
 * exist when the change commits, and the rollout that follows misses none.
 */
export async function shareCommonTerms(tx: Tx): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock_shared(${COMMON_TERMS_LOCK}::bigint)`);
}

/** Waits for the transactions of {@link shareCommonTerms} and keeps new ones out until this transaction ends. */
export async function lockCommonTerms(tx: Tx): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${COMMON_TERMS_LOCK}::bigint)`);
}

/** The adjustments of one account as of `now`. */
export async function readAdjustments(db: Queryable, accountId: string, now: Date): Promise<Adjustments> {
  const read = await readAdjustmentsOf(db, [accountId], now);
  return read(accountId);
}

/** Reads the adjustments of several accounts at once, as a function of the account. Expired overrides are left out. */
export async function readAdjustmentsOf(
  db: Queryable,
  accountIds: readonly string[],
  now: Date,
): Promise<(accountId: string) => Adjustments> {
  const ids = [...accountIds];
  // One after the other: a transaction has one connection.
  const overrides = await db
    .select()
    .from(accountOverrides)
    .where(
      and(
        inArray(accountOverrides.accountId, ids),
        isNull(accountOverrides.endedAt),
        or(isNull(accountOverrides.validUntil), gt(accountOverrides.validUntil, now)),
      ),
    );
  const segments = await db
    .select()
    .from(accountSegments)
    .where(inArray(accountSegments.accountId, ids))
    .orderBy(asc(accountSegments.segment));
  const guardRails = await db
    .select()
    .from(guardRailSettings)
    .where(or(ne(guardRailSettings.targetKind, 'account'), inArray(guardRailSettings.target, ids)));
  const flags = (await db.select().from(featureFlags).orderBy(asc(featureFlags.key))).map(toFeatureFlag);
  return (accountId) => ({
    overrides: overrides.filter((row) => row.accountId === accountId).map(toAccountOverride),
    flags,
    segments: segments.filter((row) => row.accountId === accountId).map(({ segment }) => segment),
    guardRails: guardRails
      .filter(({ targetKind, target }) => targetKind !== 'account' || target === accountId)
      .map(toGuardRailSetting),
  });
}
