/** What staff decided beside the plans, read together because it is applied together. */
import type { Pool, PoolClient } from 'pg';
import type { Adjustments } from '../subscriptions/domain/subscription.ts';
import { type FlagRecord, flagOf } from './flags/domain.ts';
import { type GuardRailRecord, type GuardRailTarget, guardRailOf, targetOf } from './guard-rails/domain.ts';
import { type OverrideRecord, overrideOf } from './overrides/domain.ts';

/** Any fixed number will do, as long as every version of this program uses the same. */
const COMMON_TERMS_LOCK = 4_650_716;

/**
 * Whoever computes an account's limits shares this lock, and whoever changes what many accounts stand on (the catalogue
 * on offer, an emergency limit) takes it alone. So the accounts that were computed from the old terms are exactly those
 * that exist when the change commits, and the pass over them that follows misses none.
 */
export const SHARE_COMMON_TERMS = `SELECT pg_advisory_xact_lock_shared(${COMMON_TERMS_LOCK})`;

export async function lockCommonTerms(client: PoolClient): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(${COMMON_TERMS_LOCK})`);
}

/** Instants inside JSON are text. */
type OverrideJson = Pick<OverrideRecord, 'id' | 'terms'> & { from: string; until: string | null };
type GuardRailJson = Pick<GuardRailRecord, 'enabled' | 'figures'> & {
  kind: GuardRailTarget['kind'];
  target: string;
};

/** What concerns one account alone. */
export type OwnRow = { overrides: OverrideJson[]; segments: string[]; own_guard_rails: GuardRailJson[] };
/** What may concern any account. */
export type CommonRow = {
  flags: Pick<FlagRecord, 'key' | 'feature' | 'enabled' | 'rules'>[];
  common_guard_rails: GuardRailJson[];
};

const GUARD_RAILS = `
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', g.target_kind, 'target', g.target, 'enabled', g.enabled,
                                               'figures', g.figures)), '[]')
    FROM guard_rail_settings g`;

/**
 * The columns of an {@link OwnRow}. Overrides that are over are left out.
 *
 * @param account SQL for the account's id. @param now SQL for the time.
 */
export function ownColumns(account: string, now: string): string {
  return `
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'terms', o.terms, 'from', o.valid_from,
                                                  'until', o.valid_until)), '[]')
       FROM account_overrides o
      WHERE o.account_id = ${account} AND o.ended_at IS NULL AND (o.valid_until IS NULL OR o.valid_until > ${now})
    ) AS overrides,
    (SELECT coalesce(array_agg(s.segment ORDER BY s.segment), '{}')
       FROM account_segments s WHERE s.account_id = ${account}) AS segments,
    (${GUARD_RAILS} WHERE g.target_kind = 'account' AND g.target = ${account}::text) AS own_guard_rails`;
}

/** The columns of a {@link CommonRow}. */
export const COMMON_COLUMNS = `
    (SELECT coalesce(jsonb_agg(jsonb_build_object('key', f.key, 'feature', f.feature, 'enabled', f.enabled,
                                                  'rules', f.rules) ORDER BY f.key), '[]')
       FROM feature_flags f) AS flags,
    (${GUARD_RAILS} WHERE g.target_kind <> 'account') AS common_guard_rails`;

const READ_SQL = `SELECT ${ownColumns('$1::uuid', '$2')}, ${COMMON_COLUMNS}`;

/** What staff decided for an account, as of now. */
export async function readAdjustments(
  database: Pick<Pool, 'query'>,
  accountId: string,
  now: Date,
): Promise<Adjustments> {
  const { rows } = await database.query<OwnRow & CommonRow>(READ_SQL, [accountId, now]);
  const row = rows[0] as OwnRow & CommonRow;
  return toAdjustments(row, row);
}

export function toAdjustments(own: OwnRow, common: CommonRow): Adjustments {
  return {
    overrides: own.overrides.map(({ id, terms, from, until }) =>
      overrideOf({ id, terms, from: new Date(from), until: until === null ? null : new Date(until) }),
    ),
    flags: common.flags.map(flagOf),
    segments: own.segments,
    guardRails: [...common.common_guard_rails, ...own.own_guard_rails].map(
      ({ kind, target, enabled, figures }) =>
        guardRailOf({ target: targetOf(kind, target), enabled, figures }),
    ),
  };
}
