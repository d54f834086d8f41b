import type { Pool } from 'pg';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { createDatabase } from '#libs/db/database.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ServiceConfig } from '#libs/service/variables.ts';
import { addStaffRoutes, type UpdateTerms } from './adjustments/plugin.ts';
import { auditPlugin } from './audit/plugin.ts';
import { rolloutTasks } from './catalogues/jobs.ts';
import { cataloguesPlugin } from './catalogues/plugin.ts';
import { createCatalogueVersions } from './catalogues/versions.ts';
import { internalRoutes } from './subscriptions/internal-routes.ts';
import {
  addLifecycleRoutes,
  buildLifecycleJobs,
  createLifecycle,
  type PaymentTerms,
} from './subscriptions/plugin.ts';
import { replaceKeyLimits } from './subscriptions/store.ts';

export type AppDependencies = {
  config: ServiceConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  signer: Pick<ContextSigner, 'verify'>;
  paymentTerms: PaymentTerms;
};

export function buildApp(dependencies: AppDependencies): ServiceApp {
  const { config, runtime, logger, metrics, pool, signer, paymentTerms } = dependencies;
  const { clock } = runtime;
  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true });
  requireInternalContext(app, signer);
  const lifecycle = createLifecycle(pool, runtime, paymentTerms);
  const { catalogues, subscriptions, accounts } = lifecycle;
  const updateTerms: UpdateTerms = async (accountId, change) => {
    const { subscription } = await accounts.ensureSubscription(accountId);
    const now = clock.now();
    await subscriptions.applySubscription({
      accountId,
      now,
      decide: (current) => current ?? subscription,
      inTransaction: (client) => change(client, now),
    });
  };
  addLifecycleRoutes(app, pool, runtime, lifecycle);
  internalRoutes(app, {
    clock,
    accounts,
    catalogueSource: catalogues.source,
    setKeyLimits: (accountId, keyId, limits) =>
      updateTerms(accountId, (client, now) => replaceKeyLimits(client, accountId, keyId, limits, now)),
  });
  const { accountExists } = subscriptions;
  addStaffRoutes(app, { pool, runtime, accounts, accountExists, updateTerms });
  const database = createDatabase(pool);
  void app.register(cataloguesPlugin, { database, runtime, versions: createCatalogueVersions() });
  void app.register(auditPlugin, { database });
  return app;
}

export type JobOptions = Omit<AppDependencies, 'config' | 'signer'> & {
  renewalIntervalMs: number;
  reminderIntervalMs: number;
};

export function buildJobs(options: JobOptions): PeriodicJob[] {
  const { pool, runtime, paymentTerms } = options;
  const lifecycle = createLifecycle(pool, runtime, paymentTerms);
  return buildLifecycleJobs(options, lifecycle);
}

export function buildTasks({
  pool,
  runtime,
  paymentTerms,
}: Pick<AppDependencies, 'pool' | 'runtime' | 'paymentTerms'>): Task[] {
  const { applySubscription } = createLifecycle(pool, runtime, paymentTerms).subscriptions;
  return rolloutTasks({
    database: createDatabase(pool),
    clock: runtime.clock,
    versions: createCatalogueVersions(),
    applySubscription,
  });
}
