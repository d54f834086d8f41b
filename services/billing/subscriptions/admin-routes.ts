import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { assignPlan, listBillingEvents as listEvents } from '#libs/contracts/billing-admin.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { currentSubscriptionOf } from '../plans/domain/view.ts';
import { listBillingEvents } from './billing-event-store.ts';
import { changeSubscription, readAccount, type SubscriptionDeps } from './change.ts';
import { presentEvent } from './domain/billing-event.ts';
import { decideAssignment } from './domain/decide-assignment.ts';
import { refusalProblem } from './domain/refusal.ts';

/** Staff assign plans and read the history of subscriptions. */
export function subscriptionAdminRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  serveOperation(app, assignPlan, async (request) => {
    const { account_id: accountId, ...terms } = request.body;
    const assignment = { ...terms, by: actorOf(request) };
    const outcome = await changeSubscription(deps, { accountId }, (state, context) =>
      decideAssignment(state, assignment, context),
    );
    if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
    return currentSubscriptionOf(await readAccount(deps, accountId), deps.runtime.clock.now());
  });

  serveOperation(app, listEvents, async (request) => {
    const { limit, cursor, account_id: accountId, kind } = request.query;
    const found = await listBillingEvents(
      deps.database,
      { accountId, kind, ...datesOf(request.query) },
      { limit: limit + 1, cursor },
    );
    return toPage(found, limit, presentEvent);
  });
}
