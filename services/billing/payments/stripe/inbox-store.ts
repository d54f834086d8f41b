import { and, eq, inArray, isNull, lt, min, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { stripeInbox } from '#libs/db/schema/stripe.ts';
import type { WaitingEvent } from './domain/event-work.ts';

export type InboxRow = typeof stripeInbox.$inferInsert;

/** What one job processes, as in the index: the events of a customer, or of an object where no customer is named. */
const key = sql<string>`coalesce(${stripeInbox.customerId}, ${stripeInbox.objectId}, ${stripeInbox.eventId})`;

/** The waiting events of a key, the oldest first. */
export function eventsOf(db: Queryable, of: string): Promise<WaitingEvent[]> {
  const { eventId, type, objectId, subscriptionId, receivedAt, processedAt } = stripeInbox;
  return db
    .select({ eventId, type, objectId, subscriptionId })
    .from(stripeInbox)
    .where(and(eq(key, of), isNull(processedAt)))
    .orderBy(receivedAt, eventId);
}

/** Keys with events that have waited since then. */
export async function keysWaitingSince(db: Queryable, since: Date, limit: number): Promise<string[]> {
  const rows = await db
    .selectDistinct({ key })
    .from(stripeInbox)
    .where(and(isNull(stripeInbox.processedAt), lt(stripeInbox.receivedAt, since)))
    .limit(limit);
  return rows.map((row) => row.key);
}

export async function findEvent(
  db: Queryable,
  eventId: string,
): Promise<typeof stripeInbox.$inferSelect | undefined> {
  const [row] = await db.select().from(stripeInbox).where(eq(stripeInbox.eventId, eventId));
  return row;
}

/** Marks events as processed. */
export async function markEvents(
  db: Queryable,
  eventIds: readonly string[],
  { outcome, now }: { outcome: string; now: Date },
): Promise<void> {
  if (eventIds.length === 0) return;
  await db
    .update(stripeInbox)
    .set({ processedAt: now, outcome })
    .where(and(inArray(stripeInbox.eventId, [...eventIds]), isNull(stripeInbox.processedAt)));
}

/** Records which object an event turned out to be about. */
export async function nameObject(
  tx: Tx,
  eventId: string,
  of: Pick<InboxRow, 'objectId' | 'customerId' | 'subscriptionId'>,
): Promise<void> {
  await tx.update(stripeInbox).set(of).where(eq(stripeInbox.eventId, eventId));
}

/** Stores an event as new again. */
export async function reopenEvent(tx: Tx, eventId: string): Promise<void> {
  await tx
    .update(stripeInbox)
    .set({ processedAt: null, outcome: null })
    .where(eq(stripeInbox.eventId, eventId));
}

/** Events that wait, and since when the oldest does. */
export async function waitingEvents(db: Queryable): Promise<{ count: number; oldest: Date | null }> {
  const [row] = await db
    .select({ count: sql<number>`count(*)::int`, oldest: min(stripeInbox.receivedAt) })
    .from(stripeInbox)
    .where(isNull(stripeInbox.processedAt));
  return { count: row?.count ?? 0, oldest: row?.oldest ?? null };
}
