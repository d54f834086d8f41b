import { and, between, desc, eq, ne, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Queryable } from '#libs/db/database.ts';
import { endUsers, memberships } from '#libs/db/schema/gateway.ts';
import { usageDaily } from '#libs/db/schema/ledger.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { isStaff } from '#libs/service/staff.ts';
import { dayOf, type ModelUsage, type ModelUsageQuery } from './domain/usage-report.ts';
import { seesWholeAccount } from './domain/visibility.ts';

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

/** A subquery: the id under which usage counts for an end user of a partner; null if there is none. */
export const idOfEndUser = (db: Queryable, accountId: string, externalId: string) =>
  db
    .select({ id: endUsers.id })
    .from(endUsers)
    .where(and(eq(endUsers.accountId, accountId), eq(endUsers.externalId, externalId)));

export type Membership = Pick<typeof memberships.$inferSelect, 'accountId' | 'userId' | 'role'>;

/**
 * The user in the account in which the caller may see them; undefined if there is none. Staff know users, not their
 * accounts: they see the account that the user joined first.
 */
export async function findVisibleUser(
  db: Queryable,
  caller: Caller,
  userId: string,
): Promise<Membership | undefined> {
  const { accountId, role } = caller;
  if (caller.userId === userId) return { accountId, userId, role };
  if (!seesWholeAccount(caller) && !isStaff(caller)) return undefined;
  const found = await db
    .select({ accountId: memberships.accountId, userId: memberships.userId, role: memberships.role })
    .from(memberships)
    .where(eq(memberships.userId, userId))
    .orderBy(memberships.createdAt, memberships.accountId);
  const own = seesWholeAccount(caller) ? found.find((one) => one.accountId === accountId) : undefined;
  return own ?? (isStaff(caller) ? found[0] : undefined);
}

function sumOf(column: PgColumn): SQL<bigint> {
  return sql`sum(${column})::bigint`.mapWith(BigInt);
}
