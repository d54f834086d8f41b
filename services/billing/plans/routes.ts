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

  const offer = async () => planListOf(await offeredCatalogue(deps));
  serveOperation(app, listPlans, async () => succeed(await offer()));
  serveOperation(app, listAvailablePlans, offer);

  serveOperation(app, comparePlans, async ({ query: { a, b } }) =>
    comparisonOf(await offeredCatalogue(deps), a, b),
  );

  serveOperation(app, getMyPlan, async (request) => {
    const { accountId } = callerOf(request);
    const account = await readAccount(deps, accountId);
    const offered = await offeredCatalogue(deps);
    const purchase = await findPurchaseState(database, accountId);
    return myPlanOf(account, { ...purchase, offered, now: clock.now() });
  });

  serveOperation(app, getPlanLimits, async (request) => {
    const caller = callerOf(request);
    const account = await readAccount(deps, caller.accountId);
    const now = clock.now();
    return planUsageOf(account, await readLimits(database, now, caller), now);
  });

  serveOperation(app, getCapability, async (request) => {
    const account = await readAccount(deps, callerOf(request).accountId);
    return capabilityOf(account, request.params.name, clock.now());
  });
}
