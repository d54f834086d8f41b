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
import { paymentTasks } from './payments/jobs.ts';
import { collectPayment, type PaymentDeps, paymentsPlugin } from './payments/plugin.ts';
import { plansPlugin } from './plans/plugin.ts';
import { subscriptionTasks } from './subscriptions/jobs.ts';
import { moveToCatalogue, recomputeLimits, subscriptionsPlugin } from './subscriptions/plugin.ts';
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
  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true });
  requireInternalContext(app, identity);
  void app.register(plansPlugin, deps);
  void app.register(subscriptionsPlugin, {
    ...deps,
    collectPayment: (request) => collectPayment(deps, request),
  });
  void app.register(trialsPlugin, deps);
  void app.register(paymentsPlugin, deps);
  void app.register(cataloguesPlugin, { database, runtime, versions: catalogues });
  void app.register(adjustmentsPlugin, deps);
  void app.register(auditPlugin, { database });
  return { app, tasks: createTasks(options, deps) };
}

function createDeps({ pool, runtime, paymentTerms }: AppOptions): PaymentDeps {
  const { payments, graceDays, requestDays } = paymentTerms;
  return {
    database: createDatabase(pool),
    catalogues: createCatalogueVersions(),
    runtime,
    payments,
    paymentPolicy: { graceDays, requestDays, driver: payments.driver },
  };
}

function createTasks(
  { metrics, renewalIntervalSeconds, reminderIntervalSeconds }: AppOptions,
  deps: PaymentDeps,
): Task[] {
  const { database, runtime } = deps;
  return [
    ...subscriptionTasks({ ...deps, registry: metrics.registry, renewalIntervalSeconds }),
    ...paymentTasks(deps),
    ...trialTasks({ database, runtime, reminderIntervalSeconds }),
    ...rolloutTasks({
      database,
      clock: runtime.clock,
      recomputeLimits: (accountId) => recomputeLimits(deps, accountId),
      moveToCatalogue: (accountId, move) => moveToCatalogue(deps, accountId, move),
    }),
  ];
}
