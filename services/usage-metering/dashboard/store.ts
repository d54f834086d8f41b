import { and, between, eq, gte, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { BREAKDOWN_GROUPS, GRANULARITIES } from '#libs/contracts/dashboard.ts';
import { only, type Queryable } from '#libs/db/database.ts';
import { ledgerAccounts, NO_ID, usageDaily, usageEvents } from '#libs/db/schema/ledger.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { countAlerts, listAlerts } from '../alerts/store.ts';
import { findVisibleUser, listModelUsage } from '../usage/store.ts';
import type { GroupSums } from './domain/breakdown.ts';
import type { ProviderDay } from './domain/dashboard.ts';

export { countAlerts, findVisibleUser, listAlerts, listModelUsage };

export type DayRange = { accountId: string; userId: string | null; from: string; to: string };

const inRange = ({ accountId, userId, from, to }: DayRange): SQL | undefined =>
  and(
    eq(usageDaily.shard, shardOf(accountId)),
    eq(usageDaily.accountId, accountId),
    between(usageDaily.day, from, to),
    ne(usageDaily.provider, NO_PROVIDER),
    userId === null ? undefined : eq(usageDaily.userId, userId),
  );

const sumOf = (column: PgColumn): SQL<bigint> => sql`sum(${column})::bigint`.mapWith(BigInt);

/** The sums of each day and provider, both days included. */
export function listProviderDays(db: Queryable, range: DayRange): Promise<ProviderDay[]> {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usageDaily;
  return db
    .select({
      day: usageDaily.day,
      provider: usageDaily.provider,
      calls: sumOf(usageDaily.calls),
      costNanoUsd: sumOf(usageDaily.costNanoUsd),
      tokens:
        sql<bigint>`sum(${inputTokens} + ${cacheReadTokens} + ${cacheWriteTokens} + ${outputTokens} + ${reasoningTokens})::bigint`.mapWith(
          BigInt,
        ),
    })
    .from(usageDaily)
    .where(inRange(range))
    .groupBy(usageDaily.day, usageDaily.provider);
}

/** Since when the account's periods are counted. */
export async function findAnchor(db: Queryable, accountId: string): Promise<Date> {
  const rows = await db
    .select({ anchor: ledgerAccounts.anchor })
    .from(ledgerAccounts)
    .where(and(eq(ledgerAccounts.shard, shardOf(accountId)), eq(ledgerAccounts.accountId, accountId)));
  return only(rows).anchor;
}

export type BreakdownQuery = DayRange & {
  granularity: (typeof GRANULARITIES)[number];
  groupBy: (typeof BREAKDOWN_GROUPS)[number];
  filters: Partial<Record<'provider' | 'model' | 'step' | 'keyId' | 'workspaceId', string | undefined>>;
};

const idOrNull = (column: PgColumn) =>
  sql<string | null>`nullif(${column}, ${sql.raw(`'${NO_ID}'`)}::uuid)::text`;
/** Sums from before the step was part of them have none. */
const step = sql<string | null>`nullif(${usageDaily.step}, '')`;

const GROUPS: Readonly<Record<BreakdownQuery['groupBy'], SQL<string | null>>> = {
  model: sql`${usageDaily.provider} || '/' || ${usageDaily.model}`,
  provider: sql`${usageDaily.provider}`,
  key: idOrNull(usageDaily.keyId),
  user: idOrNull(usageDaily.userId),
  workspace: idOrNull(usageDaily.workspaceId),
  step,
  content_type: step,
};

/** @returns at most `limit` rows. */
export function listGroups(db: Queryable, query: BreakdownQuery, limit: number): Promise<GroupSums[]> {
  const { granularity, groupBy, filters, from } = query;
  const starts: Record<BreakdownQuery['granularity'], SQL<string>> = {
    day: sql`${usageDaily.day}::text`,
    month: sql`greatest(date_trunc('month', ${usageDaily.day})::date, ${from}::date)::text`,
    total: sql`${from}::text`,
  };
  return db
    .select({
      start: starts[granularity],
      group: GROUPS[groupBy],
      calls: sumOf(usageDaily.calls),
      errors: sumOf(usageDaily.errors),
      inputTokens: sumOf(usageDaily.inputTokens),
      cacheReadTokens: sumOf(usageDaily.cacheReadTokens),
      cacheWriteTokens: sumOf(usageDaily.cacheWriteTokens),
      outputTokens: sumOf(usageDaily.outputTokens),
      reasoningTokens: sumOf(usageDaily.reasoningTokens),
      costNanoUsd: sumOf(usageDaily.costNanoUsd),
      latencyMs: sumOf(usageDaily.latencyMs),
    })
    .from(usageDaily)
    .where(
      and(
        inRange(query),
        filters.provider === undefined ? undefined : eq(usageDaily.provider, filters.provider),
        filters.model === undefined ? undefined : eq(usageDaily.model, filters.model),
        filters.step === undefined ? undefined : eq(usageDaily.step, filters.step),
        filters.keyId === undefined ? undefined : eq(usageDaily.keyId, filters.keyId),
        filters.workspaceId === undefined ? undefined : eq(usageDaily.workspaceId, filters.workspaceId),
      ),
    )
    .groupBy(sql`1`, sql`2`)
    .limit(limit);
}

export type PerformanceRow = {
  provider: string | null;
  calls: number;
  errors: number;
  costNanoUsd: bigint;
  latencyMs: number[] | null;
  firstByteMs: (number | null)[] | null;
};

/** The newest calls since an instant, by provider and (provider null) together. Their number bounds the cost. */
export async function listPerformance(
  db: Queryable,
  {
    accountId,
    userId,
    since,
    calls,
  }: { accountId: string; userId: string | null; since: Date; calls: number },
): Promise<PerformanceRow[]> {
  const newest = db
    .select({
      provider: usageEvents.provider,
      status: usageEvents.status,
      costNanoUsd: usageEvents.costNanoUsd,
      latencyMs: usageEvents.latencyMs,
      firstByteMs: usageEvents.firstByteMs,
    })
    .from(usageEvents)
    .where(
      and(
        eq(usageEvents.accountId, accountId),
        gte(usageEvents.admittedAt, since),
        gte(usageEvents.callIndex, 0),
        ne(usageEvents.provider, NO_PROVIDER),
        userId === null ? undefined : eq(usageEvents.userId, userId),
      ),
    )
    .orderBy(sql`${usageEvents.admittedAt} DESC`)
    .limit(calls)
    .as('newest');
  const percentiles = (column: SQL) =>
    sql<number[] | null>`percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ${column})`;
  return db
    .select({
      provider: newest.provider,
      calls: sql<number>`count(*)`.mapWith(Number),
      errors: sql<number>`count(*) FILTER (WHERE ${newest.status} <> 'ok')`.mapWith(Number),
      costNanoUsd: sql<bigint>`coalesce(sum(${newest.costNanoUsd}), 0)::bigint`.mapWith(BigInt),
      latencyMs: percentiles(sql`${newest.latencyMs}`),
      firstByteMs: percentiles(sql`${newest.firstByteMs}`),
    })
    .from(newest)
    .groupBy(sql`GROUPING SETS ((${newest.provider}), ())`)
    .orderBy(sql`${newest.provider} NULLS FIRST`);
}
