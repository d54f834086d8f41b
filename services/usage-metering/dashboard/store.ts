import { and, between, eq, gte, inArray, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { only, type Queryable } from '#libs/db/database.ts';
import { ledgerAccounts, ledgerDecisions, usageDaily, usageEvents } from '#libs/db/schema/ledger.ts';
import { models } from '#libs/db/schema/metering.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { effectivePrice, type ModelPrice } from '#libs/pricing/price.ts';
import { countAlerts, listAlerts } from '../alerts/store.ts';
import { listProviderPrices } from '../prices/store.ts';
import { findVisibleUser, listModelUsage } from '../usage/store.ts';
import type { ProviderDay } from './domain/dashboard.ts';
import type { OutputCapUsage } from './domain/insights.ts';

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

export type PerformanceRow = {
  provider: string | null;
  calls: number;
  errors: number;
  costNanoUsd: bigint;
  latencyMs: number[] | null;
  firstByteMs: (number | null)[] | null;
};

/** The newest calls since an instant; `calls` bounds their number, and so the cost of a query. */
export type RecentCalls = { accountId: string; userId: string | null; since: Date; calls: number };

const areRecent = ({ accountId, userId, since }: RecentCalls): SQL | undefined =>
  and(
    eq(usageEvents.accountId, accountId),
    gte(usageEvents.admittedAt, since),
    gte(usageEvents.callIndex, 0),
    userId === null ? undefined : eq(usageEvents.userId, userId),
  );

/** Recent calls by provider and (provider null) together. */
export async function listPerformance(db: Queryable, recent: RecentCalls): Promise<PerformanceRow[]> {
  const newest = db
    .select({
      provider: usageEvents.provider,
      status: usageEvents.status,
      costNanoUsd: usageEvents.costNanoUsd,
      latencyMs: usageEvents.latencyMs,
      firstByteMs: usageEvents.firstByteMs,
    })
    .from(usageEvents)
    .where(and(areRecent(recent), ne(usageEvents.provider, NO_PROVIDER)))
    .orderBy(sql`${usageEvents.admittedAt} DESC`)
    .limit(recent.calls)
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

/** What recent calls that succeeded reserved for output, by the plans of their requests, and what they used. */
export async function listOutputCaps(db: Queryable, recent: RecentCalls): Promise<OutputCapUsage[]> {
  const newest = db
    .select({
      shard: usageEvents.shard,
      holdId: usageEvents.holdId,
      callIndex: usageEvents.callIndex,
      provider: usageEvents.provider,
      model: usageEvents.model,
      used: sql<bigint>`coalesce(${usageEvents.outputTokens}, 0) + coalesce(${usageEvents.reasoningTokens}, 0)`.as(
        'used',
      ),
    })
    .from(usageEvents)
    .where(and(areRecent(recent), eq(usageEvents.status, 'ok')))
    .orderBy(sql`${usageEvents.admittedAt} DESC`)
    .limit(recent.calls)
    .as('newest');
  const cap = sql`(${ledgerDecisions.detail}::jsonb #>> ARRAY['calls', ${newest.callIndex}::text, 'outputTokens'])::bigint`;
  return db
    .select({
      provider: newest.provider,
      model: newest.model,
      calls: sql<bigint>`count(*)`.mapWith(BigInt),
      reserved: sql<bigint>`sum(${cap})::bigint`.mapWith(BigInt),
      used: sql<bigint>`sum(${newest.used})::bigint`.mapWith(BigInt),
    })
    .from(newest)
    .innerJoin(
      ledgerDecisions,
      and(eq(ledgerDecisions.shard, newest.shard), eq(ledgerDecisions.id, newest.holdId)),
    )
    .where(sql`${cap} > 0`)
    .groupBy(newest.provider, newest.model)
    .orderBy(newest.provider, newest.model);
}

/** The prices in force of models, of each provider that has them. */
export async function listCurrentPrices(
  db: Queryable,
  names: readonly string[],
  now: Date,
): Promise<ModelPrice[]> {
  if (names.length === 0) return [];
  const found = await db
    .select({ provider: models.provider, model: models.model })
    .from(models)
    .where(inArray(models.model, [...new Set(names)]));
  const rows = await listProviderPrices(db, [...new Set(found.map(({ provider }) => provider))]);
  return found.flatMap(({ provider, model }) => effectivePrice(rows, provider, model, now) ?? []);
}
