import { createContextSigner } from '#libs/auth/internal-context.ts';
import { createInternalClient } from '#libs/clients/internal-client.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { entitlementsPath } from '#libs/contracts/entitlements.ts';
import { createPool } from '#libs/db/pool.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { toServiceConfig } from '#libs/service/variables.ts';
import { buildApp, buildJobs } from './app.ts';
import { configSchema } from './config.ts';

const name = 'usage-metering';
loadDotEnv();
const variables = loadConfig(configSchema, processEnv());
const config = toServiceConfig(variables);
const runtime = systemRuntime;
const logger = createLogger({ name, level: config.logLevel });
const metrics = createMetrics({ service: name });
const pool = createPool({
  connectionString: variables.DATABASE_URL,
  max: variables.DATABASE_POOL_SIZE,
  applicationName: `inkmeter-${name}`,
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
  onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
});
const ledger = createLedger({ pool });
const signer = createContextSigner({ secrets: variables.INTERNAL_SECRETS, now: runtime.clock.now });
const billingPool = createServicePool(variables.BILLING_URL);
const billing = createInternalClient({ pool: billingPool, signer, now: runtime.clock.now });
const jobs = buildJobs({
  runtime,
  logger,
  metrics,
  pool,
  ledger,
  sweepIntervalMs: variables.SWEEP_INTERVAL,
  sweepBatch: variables.SWEEP_BATCH,
  partitionIntervalMs: variables.PARTITION_INTERVAL,
});

await runService({
  name,
  config,
  logger,
  metrics,
  app: buildApp({
    config,
    runtime,
    logger,
    metrics,
    pool,
    ledger,
    signer,
    async openBooks(accountId, requestId) {
      // Billing opens the books of an account when it is first asked what the account may do.
      const answer = await billing.call({ method: 'GET', path: entitlementsPath(accountId), requestId });
      if (answer.status !== 200) throw problem('service_unavailable', { cause: `billing: ${answer.status}` });
    },
  }),
  readiness: { database: () => pool.query('SELECT 1') },
  lifecycle: {
    startJobs: () => {
      for (const job of jobs) job.start();
    },
    stopJobs: () => Promise.all(jobs.map((job) => job.stop())),
    flush: () => ledger.idle(),
    closePools: () => Promise.all([pool.end(), billingPool.close()]),
  },
});
