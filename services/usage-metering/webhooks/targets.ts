import type { Tx } from '#libs/db/database.ts';
import { type EventRow, WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { receives } from './domain/endpoints.ts';
import { listAllEndpoints } from './store.ts';

/** The endpoints of the account that receive an event. */
export function webhookTargets(clock: Clock) {
  return async (tx: Tx, { accountId, type }: EventRow) => {
    // The request for a test adds its delivery itself.
    if (accountId === null || type === 'webhook.test') return [];
    const endpoints = await listAllEndpoints(tx, accountId);
    return endpoints
      .filter((endpoint) => receives(endpoint, type))
      .map(({ id }) => ({ channel: WEBHOOK_CHANNEL, target: id, runAt: clock.now() }));
  };
}
