import type { Tx } from '#libs/db/database.ts';
import { type EventRow, WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import { receives } from './domain/endpoints.ts';
import { listEndpointsOf } from './store.ts';

/** The endpoints of the events' accounts that receive them. */
export async function webhookTargets(tx: Tx, events: readonly EventRow[]) {
  // The request for a test adds its delivery itself.
  const wanted = events.filter(({ type }) => type !== 'webhook.test');
  const accountIds = [...new Set(wanted.flatMap(({ accountId }) => accountId ?? []))];
  const endpoints = Map.groupBy(await listEndpointsOf(tx, accountIds), ({ accountId }) => accountId);
  return wanted.flatMap((event) =>
    (endpoints.get(event.accountId ?? '') ?? [])
      .filter((endpoint) => receives(endpoint, event.type))
      .map(({ id }) => ({ event, channel: WEBHOOK_CHANNEL, target: id })),
  );
}
