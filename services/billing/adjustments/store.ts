/** The adjustments of accounts, and the lock on terms that many accounts share. */
import { and, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import {
  accountOverrides,
  accountSegments,
  featureFlags,
  guardRailSettings,
} from '#libs/db/schema/billing.ts';
import type { Adjustments } from '../subscriptions/domain/subscription.ts';
import { type FlagRow, toFeatureFlag } from './flags/domain.ts';
import { type GuardRailRow, toGuardRailSetting } from './guard-rails/domain.ts';
import { type OverrideRow, toAccountOverride } from './overrides/domain.ts';

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
  const rows = await selectAdjustments(db, [...accountIds], now);
  const rowsOf = (kind: AdjustmentKind) => rows.filter((row) => row.kind === kind);
  const overrides = rowsOf('override');
  const segments = rowsOf('segment');
  const guardRails = rowsOf('guard_rail');
  const flags = rowsOf('flag').map(({ name, scope, enabled, terms }) =>
    toFeatureFlag({ key: name, feature: scope, enabled, rules: terms as FlagRow['rules'] }),
  );
  return (accountId) => ({
    overrides: overrides
      .filter(({ scope }) => scope === accountId)
      .map(({ name, terms, validFrom, validUntil }) =>
        toAccountOverride({ id: name, terms: terms as OverrideRow['terms'], validFrom, validUntil }),
      ),
    flags,
    segments: segments.filter(({ scope }) => scope === accountId).map(({ name }) => name),
    guardRails: guardRails
      .filter(({ scope, name }) => scope !== 'account' || name === accountId)
      .map(({ scope, name, enabled, terms }) =>
        toGuardRailSetting({
          targetKind: scope as GuardRailRow['targetKind'],
          target: name,
          enabled,
          figures: terms as GuardRailRow['figures'],
        }),
      ),
  });
}

type AdjustmentKind = 'override' | 'segment' | 'guard_rail' | 'flag';

/**
 * Adjustments of all kinds in one statement, because every change of a subscription reads them in its transaction. What a
 * kind has no column for is null or false.
 */
function selectAdjustments(db: Queryable, accountIds: string[], now: Date) {
  const kindOf = (kind: AdjustmentKind) => sql<AdjustmentKind>`${sql.raw(`'${kind}'`)}`.as('kind');
  const always = {
    validFrom: sql<Date>`NULL::timestamptz`.as('valid_from'),
    validUntil: sql<Date | null>`NULL::timestamptz`.as('valid_until'),
  };
  return db
    .select({
      kind: kindOf('override'),
      scope: sql<string | null>`${accountOverrides.accountId}::text`.as('scope'),
      name: sql<string>`${accountOverrides.id}::text`.as('name'),
      enabled: sql<boolean>`false`.as('enabled'),
      terms: sql<unknown>`${accountOverrides.terms}`.as('terms'),
      validFrom: accountOverrides.validFrom,
      validUntil: accountOverrides.validUntil,
    })
    .from(accountOverrides)
    .where(
      and(
        inArray(accountOverrides.accountId, accountIds),
        isNull(accountOverrides.endedAt),
        or(isNull(accountOverrides.validUntil), gt(accountOverrides.validUntil, now)),
      ),
    )
    .unionAll(
      db
        .select({
          kind: kindOf('segment'),
          scope: sql<string | null>`${accountSegments.accountId}::text`.as('scope'),
          name: sql<string>`${accountSegments.segment}`.as('name'),
          enabled: sql<boolean>`false`.as('enabled'),
          terms: sql<unknown>`NULL::jsonb`.as('terms'),
          ...always,
        })
        .from(accountSegments)
        .where(inArray(accountSegments.accountId, accountIds)),
    )
    .unionAll(
      db
        .select({
          kind: kindOf('guard_rail'),
          scope: sql<string | null>`${guardRailSettings.targetKind}`.as('scope'),
          name: sql<string>`${guardRailSettings.target}`.as('name'),
          enabled: sql<boolean>`${guardRailSettings.enabled}`.as('enabled'),
          terms: sql<unknown>`${guardRailSettings.figures}`.as('terms'),
          ...always,
        })
        .from(guardRailSettings)
        .where(
          or(ne(guardRailSettings.targetKind, 'account'), inArray(guardRailSettings.target, accountIds)),
        ),
    )
    .unionAll(
      db
        .select({
          kind: kindOf('flag'),
          scope: sql<string | null>`${featureFlags.feature}`.as('scope'),
          name: sql<string>`${featureFlags.key}`.as('name'),
          enabled: sql<boolean>`${featureFlags.enabled}`.as('enabled'),
          terms: sql<unknown>`${featureFlags.rules}`.as('terms'),
          ...always,
        })
        .from(featureFlags),
    )
    .orderBy(sql`kind`, sql`name`);
}
