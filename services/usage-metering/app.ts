import type { Pool } from 'pg';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ServiceConfig } from '#libs/service/variables.ts';
import { createSweeper } from './holds/jobs.ts';
import { createPartitionJob } from './partitions/jobs.ts';
import { ensurePartitions } from './partitions/store.ts';
import { priceRoutes } from './prices/routes.ts';
import { createPriceStore } from './prices/store.ts';
import { requestRoutes } from './requests/routes.ts';
import { createRequestStore } from './requests/store.ts';
import { stopRoutes } from './stops/routes.ts';
import { usageRoutes } from './usage/routes.ts';
import { createUsageStore } from './usage/store.ts';

export type AppDependencies = {
  config: ServiceConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  ledger: Ledger;
  signer: Pick<ContextSigner, 'verify'>;
  /** Has billing open the books of an account that has none. */
  openBooks: (accountId: string, requestId: string) => Promise<void>;
};

export function buildApp(dependencies: AppDependencies): ServiceApp {
  const { config, runtime, logger, metrics, pool, ledger, signer, openBooks } = dependencies;
  const { clock, newId } = runtime;
  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true });
  requireInternalContext(app, signer);
  const prices = createPriceStore(pool);
  usageRoutes(app, { clock, openBooks, ...createUsageStore(pool) });
  requestRoutes(app, createRequestStore(pool));
  priceRoutes(app, { clock, ...prices });
  stopRoutes(app, { ledger, newId, hasModel: prices.hasModel });
  return app;
}

export type JobOptions = Pick<AppDependencies, 'runtime' | 'logger' | 'metrics' | 'pool' | 'ledger'> & {
  sweepIntervalMs: number;
  sweepBatch: number;
  partitionIntervalMs: number;
};

export function buildJobs(options: JobOptions): PeriodicJob[] {
  const { runtime, logger, metrics, pool, ledger } = options;
  return [
    createSweeper({
      ledger,
      intervalMs: options.sweepIntervalMs,
      batch: options.sweepBatch,
      logger,
      registry: metrics.registry,
    }),
    createPartitionJob({
      ensurePartitions: (from, months) => ensurePartitions(pool, from, months),
      clock: runtime.clock,
      intervalMs: options.partitionIntervalMs,
      logger,
    }),
  ];
}
