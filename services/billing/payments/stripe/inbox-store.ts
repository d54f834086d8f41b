import { and, eq, isNull, min, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { stripeInbox } from '#libs/db/schema/stripe.ts';

export type InboxRow = typeof stripeInbox.$inferInsert;

/** @returns the ids of the events that are new. */
export async function insertEvents(tx: Queryable, rows: readonly InboxRow[]): Promise<Set<string>> {
  const inserted = await tx
    .insert(stripeInbox)
    .values([...rows])
    .onConflictDoNothing({ target: stripeInbox.eventId })
    .returning({ id: stripeInbox.eventId });
  return new Set(inserted.map(({ id }) => id));
}

export async function findEvent(
  db: Queryable,
  eventId: string,
): Promise<typeof stripeInbox.$inferSelect | undefined> {
  const [row] = await db.select().from(stripeInbox).where(eq(stripeInbox.eventId, eventId));
  return row;
}

/** Marks an object's events as processed that had arrived when it was read. */
export async function markProcessed(
  tx: Tx,
  { objectId, readAt, outcome, now }: { objectId: string; readAt: Date; outcome: string; now: Date },
): Promise<void> {
  await tx
    .update(stripeInbox)
    .set({ processedAt: now, outcome })
    .where(
      and(
        eq(stripeInbox.objectId, objectId),
        isNull(stripeInbox.processedAt),
        sql`${stripeInbox.receivedAt} <= ${readAt}`,
      ),
    );
}

export async function markEvent(
  db: Queryable,
  eventId: string,
  { outcome, now }: { outcome: string; now: Date },
): Promise<void> {
  await db.update(stripeInbox).set({ processedAt: now, outcome }).where(eq(stripeInbox.eventId, eventId));
}

/** Records which object an event turned out to be about. */
export async function nameObject(tx: Tx, eventId: string, objectId: string): Promise<void> {
  await tx.update(stripeInbox).set({ objectId }).where(eq(stripeInbox.eventId, eventId));
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
