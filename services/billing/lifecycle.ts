/** Wires what becomes of subscriptions: bought, tried, moved, cancelled and renewed. */
import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type Accounts, createAccounts } from './domain/accounts.ts';
import type { PaymentPort } from './domain/payment-port.ts';
import { createPurchases, type Purchases } from './domain/purchases.ts';
import { createSettlements, type Settlements } from './domain/settlements.ts';
import { createSubscriptionChanges, type SubscriptionChanges } from './domain/subscription-changes.ts';
import { createTrials } from './domain/trials.ts';
import { createReminderJob } from './jobs/remind-of-trials.ts';
import { createRenewalJob } from './jobs/renew-subscriptions.ts';
import { billingAdminRoutes } from './routes/billing-admin.ts';
import { planRoutes } from './routes/plans.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { readAdjustments } from './store/adjustment-store.ts';
import { createBillingEventStore } from './store/billing-event-store.ts';
import { booksOf } from './store/books-store.ts';
import { type CatalogueStore, createCatalogueStore } from './store/catalogue-store.ts';
import { createDueStore } from './store/due-store.ts';
import { createPaymentStore } from './store/payment-store.ts';
import { createSubscriptionStore, type SubscriptionStore } from './store/subscription-store.ts';
import { createTrialStore } from './store/trial-store.ts';

const MS_PER_DAY = 86_400_000;

/** How payments are collected, and with how much patience. */
export type PaymentTerms = { payments: PaymentPort; graceDays: number; requestDays: number };

export type Lifecycle = {
  catalogues: CatalogueStore;
  subscriptions: SubscriptionStore;
  accounts: Accounts;
  purchases: Purchases;
  settlements: Settlements;
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
    booksOf: (accountId, client) =>
      booksOf({ catalogues, newId, driver: payments.driver }, accountId, client),
    ...subscriptions,
  });
  const settlements = createSettlements({ accounts, graceMs, payerOf: paymentStore.payerOf });
  const { saveOrder } = paymentStore;
  const purchases = createPurchases({
    accounts,
    settlements,
    payments,
    now,
    graceMs,
    requestDays,
    saveOrder,
  });
  const changes = createSubscriptionChanges({ accounts, now, graceMs, collect: purchases.collect });
  return { catalogues, subscriptions, accounts, purchases, settlements, changes };
}

export function addLifecycleRoutes(
  app: FastifyInstance,
  pool: Pool,
  { clock }: Runtime,
  { accounts, purchases, settlements, changes }: Lifecycle,
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
    settlements,
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
