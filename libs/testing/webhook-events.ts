import { z } from 'zod';
import { eventDataOf } from '#libs/contracts/threshold-event.ts';
import { isWebhookEvent, WEBHOOK_EVENTS } from '#libs/contracts/webhook-events.ts';

/**
 * Compares an event as it is stored with the data that the document promises to receivers of webhooks. Events that no
 * account receives pass.
 * @throws Error naming the first difference
 */
export function checkEventDocumented(type: string, payload: Readonly<Record<string, unknown>>): void {
  if (!isWebhookEvent(type)) return;
  const { error } = WEBHOOK_EVENTS[type].data.safeParse(eventDataOf(type, payload));
  if (error === undefined) return;
  throw new Error(
    `${type} differs from the document: ${z.prettifyError(error)} in ${JSON.stringify(payload)}`,
  );
}
