/** Reads of the tasks that watch costs, providers and background work, over all accounts. */
import { and, between, eq, gt, gte, lt, ne, notInArray, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { NO_ID, usageEvents } from '#libs/db/schema/ledger.ts';
import { hourlyCosts } from '#libs/db/schema/notifications.ts';
import { alerts } from '#libs/db/schema/outbox.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import type { EventType } from '#libs/outbox/routes.ts';

export type HourlyCost = typeof hourlyCosts.$inferSelect;

/** Sums an hour of every account, and of all together under {@link NO_ID}. Running it again replaces the sums. */
export async function sumHour(db: Queryable, hour: Date, end: Date): Promise<void> {
  // One statement that reads the raw rows of the hour once; Drizzle has no GROUPING SETS.
  await db.execute(sql`
    INSERT INTO hourly_costs AS h (account_id, hour, cost_nano_usd, calls)
    SELECT coalesce(account_id, ${NO_ID}::uuid), ${hour.toISOString()}::timestamptz, sum(cost_nano_usd),
           count(*) FILTER (WHERE call_index >= 0)
      FROM usage_events
     WHERE admitted_at >= ${hour.toISOString()}::timestamptz AND admitted_at < ${end.toISOString()}::timestamptz
       AND provider <> ${NO_PROVIDER}
     GROUP BY GROUPING SETS ((account_id), ())
    HAVING count(*) > 0
    ON CONFLICT (account_id, hour) DO UPDATE SET cost_nano_usd = excluded.cost_nano_usd, calls = excluded.calls`);
}

export function listHour(db: Queryable, hour: Date): Promise<HourlyCost[]> {
  return db.select().from(hourlyCosts).where(eq(hourlyCosts.hour, hour)).orderBy(hourlyCosts.accountId);
}

/** The costs of an account's hours with calls, from `from` to before `until`. */
export async function listHistory(
  db: Queryable,
  accountId: string,
  from: Date,
  until: Date,
): Promise<bigint[]> {
  const rows = await db
    .select({ cost: hourlyCosts.costNanoUsd })
    .from(hourlyCosts)
    .where(
      and(eq(hourlyCosts.accountId, accountId), gte(hourlyCosts.hour, from), lt(hourlyCosts.hour, until)),
    );
  return rows.map(({ cost }) => cost);
}

/** @returns false if the hour was flagged before. */
export async function flagHour(
  db: Queryable,
  { accountId, hour }: Pick<HourlyCost, 'accountId' | 'hour'>,
  at: Date,
): Promise<boolean> {
  const rows = await db
    .update(hourlyCosts)
    .set({ flaggedAt: at })
    .where(
      and(
        eq(hourlyCosts.accountId, accountId),
        eq(hourlyCosts.hour, hour),
        sql`${hourlyCosts.flaggedAt} IS NULL`,
      ),
    )
    .returning({ hour: hourlyCosts.hour });
  return rows.length > 0;
}

export async function deleteHoursBefore(db: Queryable, before: Date): Promise<void> {
  await db.delete(hourlyCosts).where(lt(hourlyCosts.hour, before));
}

/** Failures for which the caller, not the provider, is responsible. */
const CALLER_FAULTS = ['provider_refused', 'client_closed_request', 'emergency_stop'];

export type ProviderHealth = { provider: string; calls: number; errors: number };

export async function listProviderHealth(db: Queryable, from: Date, until: Date): Promise<ProviderHealth[]> {
  const failed = and(
    eq(usageEvents.status, 'error'),
    notInArray(sql`coalesce(${usageEvents.errorCode}, '')`, CALLER_FAULTS),
  );
  const rows = await db
    .select({
      provider: usageEvents.provider,
      calls: sql<number>`count(*)`.mapWith(Number),
      errors: sql<number>`count(*) FILTER (WHERE ${failed})`.mapWith(Number),
    })
    .from(usageEvents)
    .where(
      and(
        between(usageEvents.admittedAt, from, until),
        gte(usageEvents.callIndex, 0),
        ne(usageEvents.provider, NO_PROVIDER),
      ),
    )
    .groupBy(usageEvents.provider);
  return rows;
}

/** Whether an alert of this type about the same subject was written since. `field` of its data names the subject. */
export async function wasAlerted(
  db: Queryable,
  type: EventType,
  { field, value, since }: { field: string; value: string; since: Date },
): Promise<boolean> {
  const rows = await db
    .select({ id: alerts.id })
    .from(alerts)
    .where(
      and(
        sql`${alerts.accountId} IS NULL`,
        eq(alerts.type, type),
        sql`${alerts.data}->>${field} = ${value}`,
        gt(alerts.createdAt, since),
      ),
    )
    .limit(1);
  return rows.length > 0;
}
