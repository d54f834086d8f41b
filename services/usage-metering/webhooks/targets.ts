import type { Tx } from '#libs/db/database.ts';
import { type EventRow, WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import { receives } from './domain/endpoints.ts';
import { listAllEndpoints } from './store.ts';

/** The endpoints of the account that receive an event. */
export async function webhookTargets(tx: Tx, { accountId, type }: EventRow) {
  // The request for a test adds its delivery itself.
  if (accountId === null || type === 'webhook.test') return [];
  const endpoints = await listAllEndpoints(tx, accountId);
  return endpoints
    .filter((endpoint) => receives(endpoint, type))
    .map(({ id }) => ({ channel: WEBHOOK_CHANNEL, target: id }));
}
