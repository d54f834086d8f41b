import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import {
  assignPlan,
  listBillingEvents,
  listPaymentRequests,
  markPaymentRequestPaid,
  voidPaymentRequest,
} from '#libs/contracts/billing-admin.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { currentSubscriptionOf } from '../plans/view.ts';
import type { Accounts } from '../subscriptions/accounts.ts';
import { type BillingEvent, presentEvent } from '../subscriptions/billing-event.ts';
import type { SubscriptionChanges } from '../subscriptions/changes.ts';
import { type PaymentRequest, presentRequest } from './domain.ts';
import type { PaymentResolutions } from './resolutions.ts';

type Page = { limit: number; cursor: string | undefined };

export type BillingAdminRouteOptions = {
  clock: Clock;
  accounts: Accounts;
  changes: Pick<SubscriptionChanges, 'assign'>;
  paymentResolutions: PaymentResolutions;
  listRequests: (
    filter: { status: PaymentRequest['status'] | undefined; accountId: string | undefined },
    page: Page,
  ) => Promise<PaymentRequest[]>;
  listEvents: (
    filter: { accountId: string | undefined; kind: string | undefined },
    page: Page,
  ) => Promise<BillingEvent[]>;
};

export function billingAdminRoutes(app: FastifyInstance, options: BillingAdminRouteOptions): void {
  const { clock, accounts, changes, paymentResolutions, listRequests, listEvents } = options;

  serveOperation(app, assignPlan, async (request) => {
    const { account_id: accountId, plan, cycle, reason } = request.body;
    await changes.assign(accountId, { plan, cycle, reason, by: actorOf(request) });
    const state = await accounts.ensureSubscription(accountId);
    return succeed(currentSubscriptionOf(state, clock.now()));
  });

  serveOperation(app, listPaymentRequests, async (request) => {
    const { limit, cursor, status, account_id: accountId } = request.query;
    const found = await listRequests({ status, accountId }, { limit: limit + 1, cursor });
    const { data: payment_requests, next_cursor } = toPage(found, limit, presentRequest);
    return succeed({ payment_requests, next_cursor });
  });

  serveOperation(app, markPaymentRequestPaid, async (request) => {
    const by = actorOf(request);
    const settlement = { at: clock.now(), by: by.actor, note: request.body.note };
    return succeed(presentRequest(await paymentResolutions.markPaid(request.params.id, settlement, by)));
  });

  serveOperation(app, voidPaymentRequest, async (request) => {
    const by = actorOf(request);
    const settlement = { at: clock.now(), by: by.actor, note: request.body.note };
    return succeed(presentRequest(await paymentResolutions.voidPayment(request.params.id, settlement, by)));
  });

  serveOperation(app, listBillingEvents, async (request) => {
    const { limit, cursor, account_id: accountId, kind } = request.query;
    const found = await listEvents({ accountId, kind }, { limit: limit + 1, cursor });
    const { data: events, next_cursor } = toPage(found, limit, presentEvent);
    return succeed({ events, next_cursor });
  });
}
