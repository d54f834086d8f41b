import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { CurrentSubscription } from '#libs/contracts/plans.ts';
import {
  cancelSubscription,
  downgradeSubscription,
  listSubscriptionEvents,
  previewSubscription,
  resumeSubscription,
  upgradePlan,
  upgradeSubscription,
} from '#libs/contracts/subscriptions.ts';
import { startTrial } from '#libs/contracts/trials.ts';
import type { AccountStanding, StandingQuery } from '#libs/ledger/read-limits.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { currentSubscriptionOf } from '../plans/view.ts';
import type { Trials } from '../trials/domain.ts';
import type { Accounts } from './accounts.ts';
import { type BillingEvent, presentEvent } from './billing-event.ts';
import { presentPreview } from './change-preview.ts';
import type { SubscriptionChanges } from './changes.ts';
import { requireManager } from './manager.ts';
import { planChangeOf } from './plan-change.ts';
import type { Purchases } from './purchases.ts';

export type SubscriptionRouteOptions = {
  clock: Clock;
  accounts: Accounts;
  purchases: Pick<Purchases, 'upgrade'>;
  changes: SubscriptionChanges;
  trials: Trials;
  standing: (query: StandingQuery) => Promise<AccountStanding | undefined>;
  listEvents: (
    filter: { accountId: string; kind: undefined },
    page: { limit: number; cursor: string | undefined },
  ) => Promise<BillingEvent[]>;
};

export function subscriptionRoutes(app: FastifyInstance, options: SubscriptionRouteOptions): void {
  const { clock, accounts, purchases, changes, trials, standing, listEvents } = options;

  async function current(accountId: string): Promise<{ success: true; data: CurrentSubscription }> {
    return succeed(currentSubscriptionOf(await accounts.ensureSubscription(accountId), clock.now()));
  }

  for (const operation of [upgradePlan, upgradeSubscription]) {
    serveOperation(app, operation, async (request) => {
      const { accountId, by } = requireManager(request);
      const { plan, cycle } = request.body;
      await purchases.upgrade(accountId, { plan, cycle, by });
      return current(accountId);
    });
  }

  serveOperation(app, downgradeSubscription, async (request) => {
    const { accountId, by } = requireManager(request);
    const { plan, cycle } = request.body;
    await changes.downgrade(accountId, { plan, cycle, by });
    return current(accountId);
  });

  serveOperation(app, cancelSubscription, async (request) => {
    const { accountId, by } = requireManager(request);
    await changes.cancel(accountId, by);
    return current(accountId);
  });

  serveOperation(app, resumeSubscription, async (request) => {
    const { accountId } = requireManager(request);
    await changes.resume(accountId);
    return current(accountId);
  });

  serveOperation(app, startTrial, async (request) => {
    const { accountId } = requireManager(request);
    await trials.start(accountId, request.body.plan);
    return current(accountId);
  });

  serveOperation(app, previewSubscription, async (request) => {
    const caller = callerOf(request);
    const { plan, cycle } = request.query;
    const { subscription, sold } = await accounts.ensureSubscription(caller.accountId);
    const [offered, books] = await Promise.all([accounts.offered(), standing(caller)]);
    const change = planChangeOf({ subscription, sold, offered, plan, cycle, now: clock.now() });
    return succeed(presentPreview(change, subscription, sold, books?.limits ?? []));
  });

  serveOperation(app, listSubscriptionEvents, async (request) => {
    const { limit, cursor } = request.query;
    const { accountId } = callerOf(request);
    const found = await listEvents({ accountId, kind: undefined }, { limit: limit + 1, cursor });
    const { data: events, next_cursor } = toPage(found, limit, presentEvent);
    return succeed({ events, next_cursor });
  });
}
