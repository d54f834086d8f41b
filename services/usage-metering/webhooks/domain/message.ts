import { eventDataOf } from '#libs/contracts/threshold-event.ts';
import type { outboxEvents } from '#libs/db/schema/outbox.ts';

type EventRow = typeof outboxEvents.$inferSelect;

/** The body of a request to an endpoint. */
export function messageOf({ id, type, accountId, payload, createdAt }: EventRow) {
  const data = eventDataOf(type, payload);
  return { type, timestamp: createdAt.toISOString(), id, account_id: accountId, data };
}
