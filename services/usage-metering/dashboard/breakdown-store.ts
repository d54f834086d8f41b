/** Sums of usage by a dimension: of days from the daily sums, of hours from the calls. */
import { and, eq, gte, lt, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { BREAKDOWN_GROUPS, Granularity } from '#libs/contracts/dashboard.ts';
import type { Queryable } from '#libs/db/database.ts';
import { NO_ID, usageDaily, usageEvents } from '#libs/db/schema/ledger.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { idOfEndUser } from '../usage/store.ts';
import type { GroupSums } from './domain/breakdown.ts';
import { addDays } from './domain/months.ts';

type Group = (typeof BREAKDOWN_GROUPS)[number];

export type BreakdownQuery = {
  accountId: string;
  userId: string | null;
  /** The first day, and the last one, included. */
  from: string;
  to: string;
  granularity: Granularity;
  groupBy: Group;
  filters: Partial<
    Record<'provider' | 'model' | 'step' | 'keyId' | 'workspaceId' | 'endUser', string | undefined>
  >;
};

/** @returns at most `limit` rows. */
export function listGroups(db: Queryable, query: BreakdownQuery, limit: number): Promise<GroupSums[]> {
  const { accountId, userId, filters } = query;
  const { table, columns, start, isInRange } = query.granularity === 'hour' ? callsOf(query) : sumsOf(query);
  return db
    .select({
      start,
      group: groupOf(query.groupBy, columns),
      calls: sum(columns.calls),
      errors: sum(columns.errors),
      inputTokens: sum(columns.inputTokens),
      cacheReadTokens: sum(columns.cacheReadTokens),
      cacheWriteTokens: sum(columns.cacheWriteTokens),
      outputTokens: sum(columns.outputTokens),
      reasoningTokens: sum(columns.reasoningTokens),
      costNanoUsd: sum(columns.costNanoUsd),
      latencyMs: sum(columns.latencyMs),
    })
    .from(table)
    .where(
      and(
        eq(columns.shard, shardOf(accountId)),
        eq(columns.accountId, accountId),
        isInRange,
        ne(columns.provider, NO_PROVIDER),
        userId === null ? undefined : eq(columns.userId, userId),
        filters.provider === undefined ? undefined : eq(columns.provider, filters.provider),
        filters.model === undefined ? undefined : eq(columns.model, filters.model),
        filters.step === undefined ? undefined : eq(columns.step, filters.step),
        filters.endUser === undefined
          ? undefined
          : eq(columns.userId, idOfEndUser(db, accountId, filters.endUser)),
        filters.keyId === undefined ? undefined : eq(columns.keyId, filters.keyId),
        filters.workspaceId === undefined ? undefined : eq(columns.workspaceId, filters.workspaceId),
      ),
    )
    .groupBy(sql`1`, sql`2`)
    .limit(limit);
}

type Dimension = 'shard' | 'accountId' | 'userId' | 'keyId' | 'workspaceId' | 'step' | 'provider' | 'model';
type Columns = Record<Dimension, PgColumn> &
  Record<Exclude<keyof GroupSums, 'start' | 'group'>, PgColumn | SQL>;

const sum = (column: PgColumn | SQL): SQL<bigint> => sql`coalesce(sum(${column}), 0)::bigint`.mapWith(BigInt);

function sumsOf({ from, to, granularity }: BreakdownQuery) {
  const { day } = usageDaily;
  const month = sql<string>`greatest(date_trunc('month', ${day})::date, ${from}::date)::text`;
  const starts = { day: sql<string>`${day}::text`, month, total: sql<string>`${from}::text` };
  return {
    table: usageDaily,
    columns: usageDaily satisfies Columns,
    start: starts[granularity as keyof typeof starts],
    isInRange: and(gte(day, from), lt(day, addDays(to, 1))),
  };
}

const hasFailed = sql`(${usageEvents.status} <> 'ok')::integer`;
/** A correction is a row of differences; its status replaces that of the call. */
const failedBefore = sql`(SELECT (o.status <> 'ok')::integer FROM usage_events o
  WHERE o.account_id = ${usageEvents.accountId} AND o.admitted_at = ${usageEvents.admittedAt}
    AND o.hold_id = ${usageEvents.holdId} AND o.call_index = -1 - ${usageEvents.callIndex})`;

const CALL_COLUMNS: Columns = {
  ...usageEvents,
  calls: sql`(${usageEvents.callIndex} >= 0)::integer`,
  errors: sql`CASE WHEN ${usageEvents.callIndex} >= 0 THEN ${hasFailed} ELSE ${hasFailed} - ${failedBefore} END`,
};

function callsOf({ from, to }: BreakdownQuery) {
  const { admittedAt } = usageEvents;
  return {
    table: usageEvents,
    columns: CALL_COLUMNS,
    start: sql<string>`to_char(date_trunc('hour', ${admittedAt} AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
    isInRange: and(gte(admittedAt, new Date(from)), lt(admittedAt, new Date(addDays(to, 1)))),
  };
}

function groupOf(groupBy: Group, columns: Columns): SQL<string | null> {
  // Calls have no id, and daily sums the nil UUID, where there is no key, user or workspace.
  const id = (column: PgColumn) =>
    sql<string | null>`nullif(${column}, ${sql.raw(`'${NO_ID}'`)}::uuid)::text`;
  // Sums from before the step was part of them have none.
  const step = sql<string | null>`nullif(${columns.step}, '')`;
  const groups: Record<Group, SQL<string | null>> = {
    model: sql`${columns.provider} || '/' || ${columns.model}`,
    provider: sql`${columns.provider}`,
    key: id(columns.keyId),
    user: id(columns.userId),
    end_user: sql`(SELECT e.external_id FROM end_users e WHERE e.id = ${columns.userId})`,
    workspace: id(columns.workspaceId),
    step,
    content_type: step,
  };
  return groups[groupBy];
}
