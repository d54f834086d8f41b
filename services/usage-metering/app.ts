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
import { createSweeper } from './jobs/expire-holds.ts';
import { createPartitionJob } from './jobs/maintain-partitions.ts';
import { priceRoutes } from './routes/prices.ts';
import { requestRoutes } from './routes/requests.ts';
import { stopRoutes } from './routes/stops.ts';
import { usageRoutes } from './routes/usage.ts';
import { ensurePartitions } from './store/partitions.ts';
import { createPriceStore } from './store/price-store.ts';
import { createRequestStore } from './store/request-store.ts';
import { createUsageStore } from './store/usage-store.ts';

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
