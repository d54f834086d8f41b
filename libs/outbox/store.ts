import { and, eq, inArray, lt, ne, notExists, notInArray, or, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { type Attempt, type DeliveryRow, RECEIVER_CHANNELS } from './deliveries.ts';

/** Counts an attempt before it happens, so that one that kills the process counts. @returns null when it is delivered. */
export async function beginAttempt(db: Queryable, deliveryId: string): Promise<Attempt | null> {
  const [begun] = await db
    .update(outboxDeliveries)
    .set({ attempts: sql`${outboxDeliveries.attempts} + 1`, nextAttemptAt: null })
    .from(outboxEvents)
    .where(
      and(
        eq(outboxDeliveries.id, deliveryId),
        ne(outboxDeliveries.status, 'delivered'),
        eq(outboxEvents.id, outboxDeliveries.eventId),
      ),
    )
    .returning({ delivery: outboxDeliveries, event: outboxEvents });
  return begun ?? null;
}

export async function markDelivered(db: Queryable, deliveryIds: readonly string[], at: Date): Promise<void> {
  await db
    .update(outboxDeliveries)
    .set({ status: 'delivered', deliveredAt: at, lastError: null })
    .where(inArray(outboxDeliveries.id, [...deliveryIds]));
}

/** @param failure.status `dead` when no further attempt is planned. */
export async function markFailed(
  db: Queryable,
  deliveryId: string,
  failure: Pick<DeliveryRow, 'status' | 'lastError' | 'nextAttemptAt'>,
): Promise<void> {
  await db.update(outboxDeliveries).set(failure).where(eq(outboxDeliveries.id, deliveryId));
}

/**
 * Deletes events that are older than `before` and have no delivery to come. Staff repair dead deliveries, except to
 * receivers of customers, who may replay those to endpoints until then.
 *
 * @returns how many.
 */
export async function deleteDelivered(db: Queryable, before: Date): Promise<number> {
  const open = db
    .select({ id: outboxDeliveries.id })
    .from(outboxDeliveries)
    .where(
      and(
        eq(outboxDeliveries.eventId, outboxEvents.id),
        ne(outboxDeliveries.status, 'delivered'),
        or(ne(outboxDeliveries.status, 'dead'), notInArray(outboxDeliveries.channel, [...RECEIVER_CHANNELS])),
      ),
    );
  const { rowCount } = await db
    .delete(outboxEvents)
    .where(and(lt(outboxEvents.createdAt, before), notExists(open)));
  return rowCount ?? 0;
}
