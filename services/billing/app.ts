import type { Pool } from 'pg';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import { createDatabase } from '#libs/db/database.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ServiceConfig } from '#libs/service/variables.ts';
import { adjustmentsPlugin } from './adjustments/plugin.ts';
import { auditPlugin } from './audit/plugin.ts';
import { rolloutTasks } from './catalogues/jobs.ts';
import { cataloguesPlugin, createCatalogueVersions } from './catalogues/plugin.ts';
import type { PaymentTerms } from './config.ts';
import { invoicesPlugin } from './invoices/plugin.ts';
import { outcomeTasks } from './outcomes/jobs.ts';
import { outcomesPlugin } from './outcomes/plugin.ts';
import { paymentTasks } from './payments/jobs.ts';
import {
  cancelHosted,
  collectPayment,
  downgradeHosted,
  type HostedDeps,
  paymentsPlugin,
  resumeHosted,
  upgradeHosted,
} from './payments/plugin.ts';
import {
  createConfirmEnd,
  createSyncSubscription,
  stripePlugin,
  stripeTasks,
  withoutStripePlugin,
} from './payments/stripe/plugin.ts';
import { plansPlugin } from './plans/plugin.ts';
import { revenuePlugin } from './revenue/plugin.ts';
import { subscriptionTasks } from './subscriptions/jobs.ts';
import {
  type HostedChanges,
  moveToCatalogue,
  recomputeLimits,
  subscriptionsPlugin,
} from './subscriptions/plugin.ts';
import { trialTasks } from './trials/jobs.ts';
import { trialsPlugin } from './trials/plugin.ts';

export type AppOptions = {
  config: ServiceConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  identity: Pick<InternalIdentity, 'verify'>;
  paymentTerms: PaymentTerms;
  renewalIntervalSeconds: number;
  reminderIntervalSeconds: number;
};

export function buildApp(options: AppOptions): { app: ServiceApp; tasks: Task[] } {
  const { config, runtime, logger, metrics, identity } = options;
  const deps = createDeps(options);
  const { database, catalogues } = deps;
  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true, keepRawBody: true });
  requireInternalContext(app, identity);
  void app.register(plansPlugin, deps);
  void app.register(subscriptionsPlugin, {
    ...deps,
    collectPayment: (request) => collectPayment(deps, request),
    hosted: hostedChanges(deps),
  });
  void app.register(trialsPlugin, deps);
  void app.register(paymentsPlugin, deps);
  void app.register(invoicesPlugin, deps);
  void app.register(outcomesPlugin, deps);
  void app.register(revenuePlugin, deps);
  const { stripe } = options.paymentTerms;
  if (stripe !== null)
    void app.register(stripePlugin, {
      ...deps,
      ...stripe,
      ...{ identity, logger, metrics, newId: runtime.newId },
    });
  else void app.register(withoutStripePlugin);
  void app.register(cataloguesPlugin, { database, runtime, versions: catalogues });
  void app.register(adjustmentsPlugin, deps);
  void app.register(auditPlugin, { database });
  return { app, tasks: createTasks(options, deps) };
}

function createDeps({ pool, runtime, paymentTerms, logger }: AppOptions): HostedDeps {
  const { payments, requestDays, returnOrigins, apiUrl, stripe } = paymentTerms;
  const deps = {
    database: createDatabase(pool),
    catalogues: createCatalogueVersions(),
    runtime,
    payments,
    paymentPolicy: { requestDays, driver: payments.driver },
    returnOrigins,
    apiUrl,
  };
  if (stripe === null) return { ...deps, syncSubscription: async () => {} };
  const stripeDeps = { ...deps, stripe: stripe.stripe };
  return {
    ...deps,
    syncSubscription: createSyncSubscription(stripeDeps, logger),
    confirmEnd: createConfirmEnd(stripeDeps, logger),
  };
}

function hostedChanges(deps: HostedDeps): HostedChanges | null {
  if (deps.payments.hosted === null) return null;
  return {
    upgrade: (accountId, choice) => upgradeHosted(deps, accountId, choice),
    downgrade: (accountId, choice) => downgradeHosted(deps, accountId, choice),
    cancel: (accountId, by) => cancelHosted(deps, accountId, { by, when: 'period_end' }),
    resume: (accountId, by) => resumeHosted(deps, accountId, by),
  };
}

function createTasks(
  { metrics, renewalIntervalSeconds, reminderIntervalSeconds, paymentTerms }: AppOptions,
  deps: HostedDeps,
): Task[] {
  const { database, runtime } = deps;
  const { registry } = metrics;
  const { stripe, payments } = paymentTerms;
  const { hosted } = payments;
  return [
    ...(stripe === null || hosted === null ? [] : stripeTasks({ ...deps, ...stripe, hosted, registry })),
    ...subscriptionTasks({ ...deps, registry, renewalIntervalSeconds }),
    ...paymentTasks(deps),
    ...outcomeTasks(deps),
    ...trialTasks({ database, runtime, reminderIntervalSeconds }),
    ...rolloutTasks({
      database,
      clock: runtime.clock,
      recomputeLimits: (accountId) => recomputeLimits(deps, accountId),
      moveToCatalogue: (accountId, move) => moveToCatalogue(deps, accountId, move),
    }),
  ];
}
