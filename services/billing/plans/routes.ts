import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import {
  comparePlans,
  getCapability,
  getMyPlan,
  getPlanLimits,
  listAvailablePlans,
  listPlans,
} from '#libs/contracts/plans.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { offeredCatalogue, readAccount, type SubscriptionDeps } from '../subscriptions/plugin.ts';
import { comparisonOf } from './domain/comparison.ts';
import { capabilityOf, myPlanOf, planUsageOf } from './domain/plan-usage.ts';
import { planListOf } from './domain/view.ts';
import { findPurchaseState } from './store.ts';

export function planRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  const { database, runtime } = deps;
  const { clock } = runtime;

  for (const operation of [listPlans, listAvailablePlans]) {
    serveOperation(app, operation, async () => succeed(planListOf(await offeredCatalogue(deps))));
  }

  serveOperation(app, comparePlans, async ({ query: { a, b } }) =>
    succeed(comparisonOf(await offeredCatalogue(deps), a, b)),
  );

  serveOperation(app, getMyPlan, async (request) => {
    const { accountId } = callerOf(request);
    const account = await readAccount(deps, accountId);
    const offered = await offeredCatalogue(deps);
    const purchase = await findPurchaseState(database, accountId);
    return succeed(myPlanOf(account, { ...purchase, offered, now: clock.now() }));
  });

  serveOperation(app, getPlanLimits, async (request) => {
    const caller = callerOf(request);
    const account = await readAccount(deps, caller.accountId);
    const now = clock.now();
    return succeed(planUsageOf(account, await readLimits(database, now, caller), now));
  });

  serveOperation(app, getCapability, async (request) => {
    const account = await readAccount(deps, callerOf(request).accountId);
    return succeed(capabilityOf(account, request.params.name, clock.now()));
  });
}
