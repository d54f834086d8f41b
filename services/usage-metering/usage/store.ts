import { and, between, desc, eq, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Queryable } from '#libs/db/database.ts';
import { memberships } from '#libs/db/schema/gateway.ts';
import { usageDaily } from '#libs/db/schema/ledger.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { dayOf, type ModelUsage, type ModelUsageQuery } from './domain/usage-report.ts';

/** Usage by model from one day to another (both included), highest cost first. */
export async function listModelUsage(
  db: Queryable,
  { accountId, userId, from, to }: ModelUsageQuery,
): Promise<ModelUsage[]> {
  return db
    .select({
      provider: usageDaily.provider,
      model: usageDaily.model,
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
        eq(usageDaily.shard, shardOf(accountId)),
        eq(usageDaily.accountId, accountId),
        between(usageDaily.day, dayOf(from), dayOf(to)),
        userId === null ? undefined : eq(usageDaily.userId, userId),
        ne(usageDaily.provider, NO_PROVIDER),
      ),
    )
    .groupBy(usageDaily.provider, usageDaily.model)
    .orderBy(desc(sumOf(usageDaily.costNanoUsd)), usageDaily.provider, usageDaily.model);
}

/** Whether the user belongs to the account. */
export async function isMember(db: Queryable, accountId: string, userId: string): Promise<boolean> {
  const rows = await db
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
  return rows.length > 0;
}

/** The account that a user joined first. Staff know users, not their accounts. */
export async function findAccountOfUser(db: Queryable, userId: string): Promise<string | undefined> {
  const [membership] = await db
    .select({ accountId: memberships.accountId })
    .from(memberships)
    .where(eq(memberships.userId, userId))
    .orderBy(memberships.createdAt, memberships.accountId)
    .limit(1);
  return membership?.accountId;
}

function sumOf(column: PgColumn): SQL<bigint> {
  return sql`sum(${column})::bigint`.mapWith(BigInt);
}
