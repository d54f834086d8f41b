import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import {
  listPaymentRequests,
  markPaymentRequestPaid,
  voidPaymentRequest,
} from '#libs/contracts/billing-admin.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { SubscriptionDeps } from '../subscriptions/plugin.ts';
import { resolvePayment } from './collect.ts';
import { presentRequest } from './domain.ts';
import { listRequests } from './store.ts';

/** Staff read payment requests and resolve them. */
export function paymentRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  serveOperation(app, listPaymentRequests, async (request) => {
    const { limit, cursor, status, account_id: accountId } = request.query;
    const filter = { status, accountId, ...datesOf(request.query) };
    const found = await listRequests(deps.database, filter, { limit: limit + 1, cursor });
    return toPage(found, limit, presentRequest);
  });

  for (const [operation, status] of [
    [markPaymentRequestPaid, 'paid'],
    [voidPaymentRequest, 'void'],
  ] as const) {
    serveOperation(app, operation, async (request) => {
      const { id: requestId } = request.params;
      const { note } = request.body;
      const staff = actorOf(request);
      const resolution = { requestId, status, note, by: staff.actor, staff };
      return presentRequest(await resolvePayment(deps, resolution));
    });
  }
}
