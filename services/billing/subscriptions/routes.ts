import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import { type CurrentSubscription, getCurrentSubscription } from '#libs/contracts/plans.ts';
import {
  cancelSubscription,
  downgradeSubscription,
  listSubscriptionEvents,
  previewSubscription,
  resumeSubscription,
  upgradePlan,
  upgradeSubscription,
} from '#libs/contracts/subscriptions.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { requireManager } from '#libs/service/require-manager.ts';
import { type OperationRequest, serveOperation } from '#libs/service/serve-operation.ts';
import { type PaymentRequest, presentRequestSummary } from '../payments/domain.ts';
import { choosePlan } from '../plans/domain/offer.ts';
import { currentSubscriptionOf } from '../plans/domain/view.ts';
import { listBillingEvents } from './billing-event-store.ts';
import {
  changeSubscription,
  type Decide,
  offeredCatalogue,
  readAccount,
  type SubscriptionDeps,
} from './change.ts';
import { presentEvent } from './domain/billing-event.ts';
import { presentPreview } from './domain/change-preview.ts';
import { decideCancel, decideDowngrade, decideResume } from './domain/decide-downgrade.ts';
import { decideUpgrade } from './domain/decide-upgrade.ts';
import type { Outcome } from './domain/decision.ts';
import type { Cycle } from './domain/period.ts';
import { planChangeOf } from './domain/plan-change.ts';
import { refusalProblem } from './domain/refusal.ts';

export type SubscriptionRouteOptions = SubscriptionDeps & {
  /** Orders a payment from its driver. Called after the transaction that requested it. */
  collectPayment: (request: PaymentRequest) => Promise<PaymentRequest>;
  /** Changes through the payment provider; null where billing renews all subscriptions. */
  hosted: HostedChanges | null;
};

type HostedPlanChoice = { plan: string; cycle?: Cycle | undefined; by: string };

/** Each resolves to `local` where the account's subscription is billing's own to change. */
export type HostedChanges = {
  upgrade: (accountId: string, choice: HostedPlanChoice) => Promise<'done' | 'local'>;
  downgrade: (accountId: string, choice: HostedPlanChoice) => Promise<'done' | 'local'>;
  cancel: (accountId: string, by: string) => Promise<'done' | 'local'>;
  resume: (accountId: string, by: string) => Promise<'done' | 'local'>;
};

/** The account's own subscription: reads and changes. */
export function subscriptionRoutes(app: FastifyInstance, options: SubscriptionRouteOptions): void {
  const { database, runtime, collectPayment, hosted } = options;
  const { clock } = runtime;

  async function current(accountId: string): Promise<CurrentSubscription> {
    return currentSubscriptionOf(await readAccount(options, accountId), clock.now());
  }

  async function respond(accountId: string, outcome: Outcome): Promise<CurrentSubscription> {
    if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
    if (outcome.kind === 'payment_required') {
      const request = await collectPayment(outcome.request);
      if (request.status !== 'paid') throw paymentRequired(request);
    }
    return current(accountId);
  }

  const change = async (accountId: string, decide: Decide) =>
    respond(accountId, await changeSubscription(options, { accountId }, decide));

  serveOperation(app, getCurrentSubscription, async (request) =>
    succeed(await current(callerOf(request).accountId)),
  );

  async function upgrade(request: OperationRequest<typeof upgradePlan>): Promise<CurrentSubscription> {
    const { accountId, by } = requireManager(request);
    const choice = { ...request.body, by };
    if ((await hosted?.upgrade(accountId, choice)) === 'done') return current(accountId);
    return change(accountId, (state, context) => decideUpgrade(state, choice, context));
  }
  serveOperation(app, upgradePlan, upgrade);
  serveOperation(app, upgradeSubscription, async (request) => succeed(await upgrade(request)));

  serveOperation(app, downgradeSubscription, async (request) => {
    const { accountId, by } = requireManager(request);
    const choice = { ...request.body, by };
    if ((await hosted?.downgrade(accountId, choice)) === 'done') return succeed(await current(accountId));
    return succeed(await change(accountId, (state, context) => decideDowngrade(state, choice, context)));
  });

  serveOperation(app, cancelSubscription, async (request) => {
    const { accountId, by } = requireManager(request);
    if ((await hosted?.cancel(accountId, by)) === 'done') return succeed(await current(accountId));
    return succeed(await change(accountId, (state, context) => decideCancel(state, { by }, context)));
  });

  serveOperation(app, resumeSubscription, async (request) => {
    const { accountId, by } = requireManager(request);
    if ((await hosted?.resume(accountId, by)) === 'done') return succeed(await current(accountId));
    return succeed(await change(accountId, decideResume));
  });

  serveOperation(app, previewSubscription, async (request) => {
    const caller = callerOf(request);
    const { plan, cycle } = request.query;
    const { subscription, sold } = await readAccount(options, caller.accountId);
    const offered = await offeredCatalogue(options);
    const now = clock.now();
    const usage = await readLimits(database, now, caller);
    const target = choosePlan(offered.catalogue, plan);
    const preview = planChangeOf({ subscription, sold, offered, target, cycle, now });
    return succeed(presentPreview(preview, subscription, sold, usage?.limits ?? []));
  });

  serveOperation(app, listSubscriptionEvents, async (request) => {
    const { limit, cursor, kind } = request.query;
    const { accountId } = callerOf(request);
    const found = await listBillingEvents(
      database,
      { accountId, kind, ...datesOf(request.query) },
      { limit: limit + 1, cursor },
    );
    return { success: true as const, ...toPage(found, limit, presentEvent) };
  });
}

function paymentRequired(request: PaymentRequest): ProblemError {
  const detail =
    request.kind === 'renewal'
      ? 'The current period is not paid. Pay the request, or cancel the subscription.'
      : `${request.planKey} takes effect when the payment request is paid.`;
  return problem('payment_required', {
    detail,
    fields: { payment_request: presentRequestSummary(request) },
  });
}
