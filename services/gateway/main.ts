import type { Pool as ServicePool } from 'undici';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { createInternalClient } from '#libs/clients/internal-client.ts';
import { createWorkChannel } from '#libs/clients/work-channel.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createSetKeyLimits } from './api-keys/key-limits.ts';
import { buildApp } from './app.ts';
import { configSchema, toGatewayConfig } from './config.ts';

const name = 'gateway';
/** Holds go together in statements; more connections than writers of the ledger would only wait for each other. */
const LEDGER_CONNECTIONS = 4;
loadDotEnv();
const variables = loadConfig(configSchema, processEnv());
const config = toGatewayConfig(variables);
const runtime = systemRuntime;
const logger = createLogger({ name, level: config.service.logLevel });
const metrics = createMetrics({ service: name });
const { DATABASE_URL: connectionString } = variables;
const pool = createPool({
  connectionString,
  max: variables.DATABASE_POOL_SIZE,
  applicationName: `inkmeter-${name}`,
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
  onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
});
const listener = createListener({
  connectionString,
  applicationName: `inkmeter-${name}-listen`,
  onError: (error) => logger.warn({ err: error }, 'the listening database connection broke'),
});
const signer = createContextSigner({ secrets: variables.INTERNAL_SECRETS, now: runtime.clock.now });
const clientOf = (servicePool: ServicePool) =>
  createInternalClient({ pool: servicePool, signer, now: runtime.clock.now });
const billingPool = createServicePool(variables.BILLING_URL);
const usageMeteringPool = createServicePool(variables.USAGE_METERING_URL);
const generationPools = variables.GENERATION_URLS.map((url) => createServicePool(url));
const workChannels = variables.GENERATION_URLS.map((url) =>
  createWorkChannel({ url, signer, now: runtime.clock.now, newId: runtime.newId }),
);
const billing = clientOf(billingPool);
const ledgerPool = createPool({
  connectionString,
  max: LEDGER_CONNECTIONS,
  applicationName: `inkmeter-${name}-ledger`,
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
  onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
});
const { app, jobs, ready, idle } = await buildApp({
  config,
  runtime,
  logger,
  metrics,
  pool,
  listener,
  setKeyLimits: createSetKeyLimits(billing),
  backends: {
    ledgerPool,
    signer,
    billing,
    billingPool,
    usageMetering: clientOf(usageMeteringPool),
    usageMeteringPool,
    generation: {
      clients: generationPools.map(clientOf),
      pools: generationPools,
      channels: workChannels,
    },
    holdTtlMs: variables.HOLD_TTL,
  },
});

await runService({
  name,
  config: config.service,
  logger,
  metrics,
  app,
  readiness: {
    database: () => pool.query('SELECT 1'),
    prices: ready,
    notifications: async () => {
      if (!listener.isConnected()) throw new Error('The listening connection is down.');
    },
  },
  lifecycle: {
    startJobs: () => {
      for (const job of jobs) job.start();
    },
    stopJobs: () => Promise.all(jobs.map((job) => job.stop())),
    flush: idle,
    closePools: () =>
      Promise.all([
        listener.close(),
        pool.end(),
        ledgerPool.end(),
        ...[billingPool, usageMeteringPool, ...generationPools, ...workChannels].map((one) => one.close()),
      ]),
  },
});
