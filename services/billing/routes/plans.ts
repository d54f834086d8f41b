import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { getCurrentSubscription, listAvailablePlans, listPlans } from '#libs/contracts/plans.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { Accounts } from '../domain/accounts.ts';
import { currentSubscriptionOf, planListOf } from '../domain/plan-view.ts';

export function planRoutes(
  app: FastifyInstance,
  { clock, accounts }: { clock: Clock; accounts: Accounts },
): void {
  for (const operation of [listPlans, listAvailablePlans]) {
    serveOperation(app, operation, async () => succeed(planListOf(await accounts.offered())));
  }

  serveOperation(app, getCurrentSubscription, async (request) => {
    const state = await accounts.ensureSubscription(callerOf(request).accountId);
    return succeed(currentSubscriptionOf(state, clock.now()));
  });
}
