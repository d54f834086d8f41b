import { and, asc, desc, eq, gte, inArray } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { webhookAttempts } from '#libs/db/schema/webhooks.ts';
import { type DeliveryRow, type EventRow, WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import { enqueueDelivery, enqueueReceiver } from '#libs/outbox/enqueue-delivery.ts';

/** A delivery with its event. */
export type DeliveryView = { id: string; delivery: DeliveryRow; event: EventRow };
export type AttemptRow = typeof webhookAttempts.$inferSelect;

export type DeliveryFilter = PageQuery & {
  status?: DeliveryRow['status'] | undefined;
  event_type?: string | undefined;
};

const toEndpoint = (endpointId: string) =>
  and(eq(outboxDeliveries.channel, WEBHOOK_CHANNEL), eq(outboxDeliveries.target, endpointId));

const selectDeliveries = (db: Queryable) =>
  db
    .select({ id: outboxDeliveries.id, delivery: outboxDeliveries, event: outboxEvents })
    .from(outboxDeliveries)
    .innerJoin(outboxEvents, eq(outboxEvents.id, outboxDeliveries.eventId));

/** Newest first, one more than asked for. */
export function listDeliveries(
  db: Queryable,
  endpointId: string,
  { limit, cursor, status, event_type: type }: DeliveryFilter,
): Promise<DeliveryView[]> {
  return selectDeliveries(db)
    .where(
      and(
        toEndpoint(endpointId),
        afterCursor(outboxDeliveries.id, cursor),
        status === undefined ? undefined : eq(outboxDeliveries.status, status),
        type === undefined ? undefined : eq(outboxEvents.type, type),
      ),
    )
    .orderBy(desc(outboxDeliveries.id))
    .limit(limit + 1);
}

export async function findDelivery(
  db: Queryable,
  endpointId: string,
  id: string,
): Promise<DeliveryView | undefined> {
  const [row] = await selectDeliveries(db).where(and(toEndpoint(endpointId), eq(outboxDeliveries.id, id)));
  return row;
}

/** In order of time. */
export function listAttempts(db: Queryable, deliveryId: string): Promise<AttemptRow[]> {
  return db
    .select()
    .from(webhookAttempts)
    .where(eq(webhookAttempts.deliveryId, deliveryId))
    .orderBy(asc(webhookAttempts.id));
}

/** Adds a delivery to one endpoint, and its job. */
export async function insertDelivery(
  tx: Tx,
  { id, eventId, endpointId, accountId }: Record<'id' | 'eventId' | 'endpointId' | 'accountId', string>,
): Promise<DeliveryRow> {
  const row = { id, eventId, channel: WEBHOOK_CHANNEL, target: endpointId };
  const added = await tx.insert(outboxDeliveries).values(row).returning();
  await enqueueDelivery(tx, { ...row, accountId });
  return only(added);
}

const AGAIN = { status: 'pending', attempts: 0, nextAttemptAt: null, deliveredAt: null } as const;

/** Makes a delivery pending again, with all its attempts, and enqueues it. */
export async function replayDelivery(tx: Tx, { delivery, event }: DeliveryView): Promise<DeliveryRow> {
  const changed = await tx
    .update(outboxDeliveries)
    .set(AGAIN)
    .where(eq(outboxDeliveries.id, delivery.id))
    .returning();
  await enqueueDelivery(tx, { ...delivery, accountId: event.accountId });
  return only(changed);
}

/** The same for dead deliveries of events since a time, the oldest first. @returns how many. */
export async function replayDead(
  tx: Tx,
  { id: endpointId, accountId }: { id: string; accountId: string },
  since: Date,
  max: number,
): Promise<number> {
  const dead = tx
    .select({ id: outboxDeliveries.id })
    .from(outboxDeliveries)
    .innerJoin(outboxEvents, eq(outboxEvents.id, outboxDeliveries.eventId))
    .where(
      and(toEndpoint(endpointId), eq(outboxDeliveries.status, 'dead'), gte(outboxEvents.createdAt, since)),
    )
    .orderBy(asc(outboxDeliveries.id))
    .limit(max);
  const rows = await tx
    .update(outboxDeliveries)
    .set(AGAIN)
    .where(inArray(outboxDeliveries.id, dead))
    .returning({ id: outboxDeliveries.id });
  if (rows.length > 0) await enqueueReceiver(tx, { channel: WEBHOOK_CHANNEL, target: endpointId, accountId });
  return rows.length;
}
