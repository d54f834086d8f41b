import type { FastifyInstance, FastifyRequest } from 'fastify';
import { toPage } from '#libs/contracts/page.ts';
import * as contract from '#libs/contracts/webhooks.ts';
import { type Queryable, transaction } from '#libs/db/database.ts';
import { emit } from '#libs/outbox/emit.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  findDelivery,
  insertDelivery,
  listAttempts,
  listDeliveries,
  replayDead,
  replayDelivery,
} from './deliveries-store.ts';
import { checkIsEnabled, type EndpointRow } from './domain/endpoints.ts';
import { presentDelivery, presentDetails } from './present.ts';
import { managedAccount, type WebhookRouteOptions } from './routes.ts';
import { findEndpoint } from './store.ts';

const MAX_REPLAYED = 10_000;

type EndpointRequest = FastifyRequest & { params: { id: string } };

/** What was sent to an endpoint, and sending it again. */
export function deliveryRoutes(
  app: FastifyInstance,
  { database, runtime }: Pick<WebhookRouteOptions, 'database' | 'runtime'>,
): void {
  const { clock, newId } = runtime;

  async function endpointOf(request: FastifyRequest, db: Queryable = database): Promise<EndpointRow> {
    const { id } = (request as EndpointRequest).params;
    const endpoint = await findEndpoint(db, managedAccount(request), id);
    if (endpoint === undefined) throw problem('not_found');
    return endpoint;
  }

  async function enabledEndpointOf(request: FastifyRequest, db: Queryable): Promise<EndpointRow> {
    const endpoint = await endpointOf(request, db);
    checkIsEnabled(endpoint);
    return endpoint;
  }

  serveOperation(app, contract.listWebhookDeliveries, async (request) => {
    const { id } = await endpointOf(request);
    return toPage(await listDeliveries(database, id, request.query), request.query.limit, presentDelivery);
  });

  serveOperation(app, contract.getWebhookDelivery, async (request) => {
    const { id } = await endpointOf(request);
    const view = await findDelivery(database, id, request.params.delivery_id);
    if (view === undefined) throw problem('not_found');
    return presentDetails(view, await listAttempts(database, view.id));
  });

  serveOperation(app, contract.testWebhookEndpoint, async (request, reply) => {
    const sent = await transaction(database, async (tx) => {
      const { id: endpointId, accountId } = await enabledEndpointOf(request, tx);
      const payload = { endpoint_id: endpointId };
      const event = {
        id: newId(),
        type: 'webhook.test',
        accountId,
        payload,
        createdAt: clock.now(),
      } as const;
      await emit(tx, event, newId);
      const delivery = await insertDelivery(tx, { id: newId(), eventId: event.id, endpointId, accountId });
      return presentDelivery({ delivery, event });
    });
    reply.code(202);
    return sent;
  });

  serveOperation(app, contract.replayWebhookDelivery, async (request, reply) => {
    const replayed = await transaction(database, async (tx) => {
      const { id } = await enabledEndpointOf(request, tx);
      const view = await findDelivery(tx, id, request.params.delivery_id);
      if (view === undefined) throw problem('not_found');
      return presentDelivery({ delivery: await replayDelivery(tx, view), event: view.event });
    });
    reply.code(202);
    return replayed;
  });

  serveOperation(app, contract.replayWebhookDeliveries, async (request, reply) => {
    const since = new Date(request.body.since);
    const replayed = await transaction(database, async (tx) =>
      replayDead(tx, await enabledEndpointOf(request, tx), since, MAX_REPLAYED),
    );
    reply.code(202);
    return { replayed };
  });
}
