import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import {
  comparePlans,
  getCapability,
  getCurrentSubscription,
  getMyPlan,
  getPlanLimits,
  listAvailablePlans,
  listPlans,
} from '#libs/contracts/plans.ts';
import type { AccountStanding, StandingQuery } from '#libs/ledger/read-limits.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import type { Accounts } from '../subscriptions/accounts.ts';
import { comparisonOf } from '../subscriptions/change-preview.ts';
import { capabilityOf, myPlanOf, planStandingOf } from './plan-usage.ts';
import { currentSubscriptionOf, planListOf } from './view.ts';

export type PlanRouteOptions = {
  clock: Clock;
  accounts: Accounts;
  /** Where the limits of an account stand; undefined before its books are opened. */
  standing: (query: StandingQuery) => Promise<AccountStanding | undefined>;
  openRequest: (accountId: string) => Promise<PaymentRequest | undefined>;
  hasTried: (accountId: string) => Promise<boolean>;
};

export function planRoutes(app: FastifyInstance, options: PlanRouteOptions): void {
  const { clock, accounts, standing, openRequest, hasTried } = options;

  for (const operation of [listPlans, listAvailablePlans]) {
    serveOperation(app, operation, async () => succeed(planListOf(await accounts.offered())));
  }

  serveOperation(app, comparePlans, async ({ query: { a, b } }) =>
    succeed(comparisonOf(await accounts.offered(), a, b)),
  );

  serveOperation(app, getCurrentSubscription, async (request) => {
    const state = await accounts.ensureSubscription(callerOf(request).accountId);
    return succeed(currentSubscriptionOf(state, clock.now()));
  });

  serveOperation(app, getMyPlan, async (request) => {
    const { accountId } = callerOf(request);
    const state = await accounts.ensureSubscription(accountId);
    const [offered, open, tried] = await Promise.all([
      accounts.offered(),
      openRequest(accountId),
      hasTried(accountId),
    ]);
    return succeed(myPlanOf(state, { offered, openRequest: open, hasTried: tried, now: clock.now() }));
  });

  serveOperation(app, getPlanLimits, async (request) => {
    const caller = callerOf(request);
    const state = await accounts.ensureSubscription(caller.accountId);
    return succeed(planStandingOf(state, await standing(caller), clock.now()));
  });

  serveOperation(app, getCapability, async (request) => {
    const state = await accounts.ensureSubscription(callerOf(request).accountId);
    return succeed(capabilityOf(state, request.params.name, clock.now()));
  });
}
