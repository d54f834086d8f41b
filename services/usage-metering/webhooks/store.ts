import { and, count, desc, eq, inArray, notLike, or, sql } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { outboxDeliveries } from '#libs/db/schema/outbox.ts';
import { webhookAttempts, webhookEndpoints } from '#libs/db/schema/webhooks.ts';
import { WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import type { Answer, EndpointRow } from './domain/endpoints.ts';

const ofAccount = (accountId: string, id: string) =>
  and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.id, id));

/** How many endpoints an account has. No other transaction counts before this one has ended. */
export async function countEndpoints(tx: Tx, accountId: string): Promise<number> {
  // Drizzle has no advisory locks, and the service may not lock the account's row.
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || ${accountId}, 0))`);
  const rows = await tx
    .select({ count: count() })
    .from(webhookEndpoints)
    .where(eq(webhookEndpoints.accountId, accountId));
  return only(rows).count;
}

export async function insertEndpoint(
  tx: Tx,
  row: typeof webhookEndpoints.$inferInsert,
): Promise<EndpointRow> {
  return only(await tx.insert(webhookEndpoints).values(row).returning());
}

/** Newest first, one more than asked for. */
export function listEndpoints(
  db: Queryable,
  accountId: string,
  { limit, cursor }: PageQuery,
): Promise<EndpointRow[]> {
  return db
    .select()
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.accountId, accountId), afterCursor(webhookEndpoints.id, cursor)))
    .orderBy(desc(webhookEndpoints.id))
    .limit(limit + 1);
}

/** All of some accounts: there are few of each. */
export async function listEndpointsOf(db: Queryable, accountIds: readonly string[]): Promise<EndpointRow[]> {
  if (accountIds.length === 0) return [];
  return db
    .select()
    .from(webhookEndpoints)
    .where(inArray(webhookEndpoints.accountId, [...accountIds]));
}

export async function findEndpoint(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<EndpointRow | undefined> {
  const [row] = await db.select().from(webhookEndpoints).where(ofAccount(accountId, id));
  return row;
}

export function listEndpointsById(db: Queryable, ids: readonly string[]): Promise<EndpointRow[]> {
  return db
    .select()
    .from(webhookEndpoints)
    .where(inArray(webhookEndpoints.id, [...ids]));
}

/** The endpoint, locked until the transaction ends. */
export async function lockEndpoint(tx: Tx, accountId: string, id: string): Promise<EndpointRow | undefined> {
  const [row] = await tx.select().from(webhookEndpoints).where(ofAccount(accountId, id)).for('update');
  return row;
}

export async function updateEndpoint(
  tx: Tx,
  id: string,
  change: Partial<typeof webhookEndpoints.$inferInsert>,
): Promise<EndpointRow> {
  return only(await tx.update(webhookEndpoints).set(change).where(eq(webhookEndpoints.id, id)).returning());
}

/** Endpoints with a secret that does not begin like those of the key in use. */
export function listEndpointsSealedOtherwise(db: Queryable, prefix: string): Promise<EndpointRow[]> {
  const { secret, previousSecret } = webhookEndpoints;
  return db
    .select()
    .from(webhookEndpoints)
    .where(or(notLike(secret, `${prefix}%`), notLike(previousSecret, `${prefix}%`)));
}

/** Unless the secret was rotated meanwhile. */
export async function replaceSecrets(
  db: Queryable,
  { id, secret }: EndpointRow,
  secrets: Pick<EndpointRow, 'secret' | 'previousSecret'>,
): Promise<void> {
  await db
    .update(webhookEndpoints)
    .set(secrets)
    .where(and(eq(webhookEndpoints.id, id), eq(webhookEndpoints.secret, secret)));
}

export async function deleteEndpoint(tx: Tx, id: string): Promise<void> {
  await tx
    .delete(outboxDeliveries)
    .where(and(eq(outboxDeliveries.channel, WEBHOOK_CHANNEL), eq(outboxDeliveries.target, id)));
  await tx.delete(webhookEndpoints).where(eq(webhookEndpoints.id, id));
}

/** An attempt as it is logged. */
export type LoggedAttempt = { id: string; deliveryId: string; at: Date; answer: Answer };

/** Logs attempts, except those whose deliveries were deleted meanwhile. */
export async function insertAttempts(db: Queryable, attempts: readonly LoggedAttempt[]): Promise<void> {
  const rows = attempts.map(({ id, deliveryId, at, answer }) => ({
    ...{ id, delivery_id: deliveryId, attempted_at: at.toISOString(), duration_ms: answer.durationMs },
    ...{ response_status: answer.status, response_body: answer.body, error: answer.error },
  }));
  // Drizzle has no record sets.
  await db.execute(sql`
    INSERT INTO ${webhookAttempts} (id, delivery_id, attempted_at, duration_ms, response_status, response_body, error)
    SELECT attempt.* FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS attempt (id uuid, delivery_id uuid,
           attempted_at timestamptz, duration_ms integer, response_status integer, response_body text, error text)
      JOIN ${outboxDeliveries} ON ${outboxDeliveries.id} = attempt.delivery_id`);
}
