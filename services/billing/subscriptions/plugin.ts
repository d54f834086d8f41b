/** Wires what becomes of subscriptions: bought, tried, moved, cancelled and renewed. */
import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { readAdjustments } from '../adjustments/store.ts';
import { type CatalogueStore, createCatalogueStore } from '../catalogues/versions.ts';
import { billingAdminRoutes } from '../payments/admin-routes.ts';
import type { PaymentPort } from '../payments/port.ts';
import { createPaymentResolutions, type PaymentResolutions } from '../payments/resolutions.ts';
import { createPaymentStore } from '../payments/store.ts';
import { planRoutes } from '../plans/routes.ts';
import { createTrials } from '../trials/domain.ts';
import { createReminderJob } from '../trials/jobs.ts';
import { createTrialStore } from '../trials/store.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { createBillingEventStore } from './billing-event-store.ts';
import { createSubscriptionChanges, type SubscriptionChanges } from './changes.ts';
import { createDueStore } from './due-store.ts';
import { createRenewalJob } from './jobs.ts';
import { createPurchases, type Purchases } from './purchases.ts';
import { subscriptionRoutes } from './routes.ts';
import { createSubscriptionStore, type SubscriptionStore } from './store.ts';
import { subscriptionTxOf } from './subscription-tx-store.ts';

const MS_PER_DAY = 86_400_000;

/** How payments are collected, and with how much patience. */
export type PaymentTerms = { payments: PaymentPort; graceDays: number; requestDays: number };

export type Lifecycle = {
  catalogues: CatalogueStore;
  subscriptions: SubscriptionStore;
  accounts: Accounts;
  purchases: Purchases;
  paymentResolutions: PaymentResolutions;
  changes: SubscriptionChanges;
};

export function createLifecycle(
  pool: Pool,
  { clock: { now }, newId }: Runtime,
  { payments, graceDays, requestDays }: PaymentTerms,
): Lifecycle {
  const graceMs = graceDays * MS_PER_DAY;
  const catalogues = createCatalogueStore(pool);
  const subscriptions = createSubscriptionStore(pool, catalogues);
  const paymentStore = createPaymentStore(pool);
  const accounts = createAccounts({
    now,
    graceMs,
    activeCatalogue: catalogues.active,
    catalogueVersion: catalogues.version,
    adjustments: (accountId) => readAdjustments(pool, accountId, now()),
    subscriptionTxOf: (accountId, client) =>
      subscriptionTxOf({ catalogues, newId, driver: payments.driver }, accountId, client),
    ...subscriptions,
  });
  const paymentResolutions = createPaymentResolutions({ accounts, graceMs, payerOf: paymentStore.payerOf });
  const { saveOrder } = paymentStore;
  const purchases = createPurchases({
    accounts,
    paymentResolutions,
    payments,
    now,
    graceMs,
    requestDays,
    saveOrder,
  });
  const changes = createSubscriptionChanges({ accounts, now, graceMs, collect: purchases.collect });
  return { catalogues, subscriptions, accounts, purchases, paymentResolutions, changes };
}

export function addLifecycleRoutes(
  app: FastifyInstance,
  pool: Pool,
  { clock }: Runtime,
  { accounts, purchases, paymentResolutions, changes }: Lifecycle,
): void {
  const payments = createPaymentStore(pool);
  const events = createBillingEventStore(pool);
  const standing = (query: Parameters<typeof readLimits>[2]) => readLimits(pool, clock.now(), query);
  planRoutes(app, {
    clock,
    accounts,
    standing,
    openRequest: payments.findOpen,
    hasTried: createTrialStore(pool).hasTried,
  });
  subscriptionRoutes(app, {
    clock,
    accounts,
    purchases,
    changes,
    trials: createTrials({ accounts, now: clock.now }),
    standing,
    listEvents: events.list,
  });
  billingAdminRoutes(app, {
    clock,
    accounts,
    changes,
    paymentResolutions,
    listRequests: payments.list,
    listEvents: events.list,
  });
}

export function buildLifecycleJobs(
  options: {
    pool: Pool;
    runtime: Runtime;
    logger: Logger;
    metrics: Metrics;
    renewalIntervalMs: number;
    reminderIntervalMs: number;
  },
  { accounts, purchases }: Lifecycle,
): PeriodicJob[] {
  const { pool, runtime, logger, metrics, renewalIntervalMs, reminderIntervalMs } = options;
  return [
    createRenewalJob({
      due: createDueStore(pool).due,
      catchUp: (accountId) => accounts.change(accountId, async (current) => current),
      uncollected: createPaymentStore(pool).uncollected,
      collect: purchases.collect,
      clock: runtime.clock,
      intervalMs: renewalIntervalMs,
      logger,
      registry: metrics.registry,
    }),
    createReminderJob({
      unreminded: createTrialStore(pool).unreminded,
      record: createBillingEventStore(pool).record,
      runtime,
      intervalMs: reminderIntervalMs,
      logger,
    }),
  ];
}
