import type { Tx } from '#libs/db/database.ts';
import { alerts, outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { alertRuleOf } from './alert-rules.ts';
import { FAN_OUT_TASK, MAX_DELIVERY_ATTEMPTS } from './deliveries.ts';
import { enqueueDelivery } from './enqueue-delivery.ts';
import { EVENT_ROUTES, type EventType } from './routes.ts';

export type OutboxEvent = {
  /** A UUID version 7, from the caller. Emitting an id twice is an error: check for a repetition before. */
  id: string;
  type: EventType;
  /** The account that the event is about; null where it concerns none or all. */
  accountId: string | null;
  /** What receivers need, as JSON. Ids and figures, no secrets: it is stored as it is and leaves the system. */
  payload: Readonly<Record<string, unknown>>;
  createdAt: Date;
};

/**
 * Emits an event: writes it with its alert and its pending deliveries, and adds a job for each, in the caller's
 * transaction. If that rolls back, nothing was emitted; once it commits, every delivery happens at least once.
 *
 * Call it where the fact is written, in the same transaction:
 *
 * ```ts
 * await transaction(database, async (tx) => {
 *   await insertPaymentRequest(tx, request);
 *   await emit(tx, { id: newId(), type: 'payment.requested', accountId, payload: { request_id: request.id }, createdAt: now }, newId);
 * });
 * ```
 *
 * @param newId makes the ids of the deliveries. A receiver recognises a repetition by the delivery's id.
 */
export async function emit(tx: Tx, event: OutboxEvent, newId: () => string): Promise<void> {
  const deliveries = EVENT_ROUTES[event.type].map((route) => ({ id: newId(), eventId: event.id, ...route }));
  await tx.insert(outboxEvents).values(event);
  const rule = alertRuleOf(event.type);
  if (rule !== undefined) {
    const { id, accountId, type, payload: data, createdAt } = event;
    await tx.insert(alerts).values({ id, accountId, userId: null, ...rule, type, data, createdAt });
  }
  // Mails are requested for a user and concern no account.
  if (event.type !== 'mail.requested') {
    const payload = { eventId: event.id, accountId: event.accountId };
    await enqueue(tx, FAN_OUT_TASK, payload, { maxAttempts: MAX_DELIVERY_ATTEMPTS });
  }
  if (deliveries.length === 0) return;
  await tx.insert(outboxDeliveries).values(deliveries);
  for (const delivery of deliveries) await enqueueDelivery(tx, { ...delivery, accountId: event.accountId });
}
