import { Agent } from 'undici';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createInternalClient } from '#libs/clients/internal-client.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { buildApp } from './app.ts';
import { configSchema, toGenerationConfig } from './config.ts';
import { createHttpPublisher, NO_PUBLISHER } from './social/http-publisher.ts';

const name = 'generation';
/** Settlements go together in statements; more connections than writers of the ledger would only wait for each other. */
const LEDGER_CONNECTIONS = 4;
/** What ended work may take to be settled at shutdown. */
const SETTLING_TIME_MS = 5_000;
loadDotEnv();
const variables = loadConfig(configSchema, processEnv());
const config = toGenerationConfig(variables);
const runtime = systemRuntime;
const logger = createLogger({ name, level: config.service.logLevel });
const metrics = createMetrics({ service: name });
const { DATABASE_URL: connectionString } = variables;
const poolOf = (applicationName: string, max: number) =>
  createPool({
    connectionString,
    max,
    applicationName,
    statementTimeoutMs: variables.STATEMENT_TIMEOUT,
    onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
  });
const pool = poolOf(`inkmeter-${name}`, variables.DATABASE_POOL_SIZE);
const ledgerPool = poolOf(`inkmeter-${name}-ledger`, LEDGER_CONNECTIONS);
const ledger = createLedger({ pool: ledgerPool });
const listener = createListener({
  connectionString,
  applicationName: `inkmeter-${name}-listen`,
  onError: (error) => logger.warn({ err: error }, 'the listening database connection broke'),
});
const dispatcher = new Agent({
  connections: variables.PROVIDER_CONNECTIONS,
  pipelining: 1,
  connect: { timeout: variables.PROVIDER_CONNECT_TIMEOUT },
  // calls have limits of their own, which tell a silent provider from one that takes its time
  headersTimeout: 0,
  bodyTimeout: 0,
});
const { now } = runtime.clock;
const signer = createContextSigner({ secrets: variables.INTERNAL_SECRETS, now });
const billingPool = createServicePool(variables.BILLING_URL);
const billing = createInternalClient({ pool: billingPool, signer, now });
const publisherUrl = variables.SOCIAL_PUBLISHER_URL;
const publisher = publisherUrl === undefined ? NO_PUBLISHER : createHttpPublisher(publisherUrl, dispatcher);
const { app, jobs, requestScopedJobs, stopWatch, endWork, dropWork } = buildApp({
  config,
  runtime,
  logger,
  metrics,
  pool,
  ledger,
  listener,
  signer,
  dispatcher,
  social: { entitlements: createAccountEntitlements({ billing, listener, runtime }), publisher },
});
// before the service listens: no work may begin that a stop in force covers
app.addHook('onReady', stopWatch.start);

await runService({
  name,
  config: config.service,
  logger,
  metrics,
  app,
  readiness: {
    database: () => pool.query('SELECT 1'),
    notifications: async () => {
      if (!listener.isConnected()) throw new Error('The listening connection is down.');
    },
  },
  lifecycle: {
    startJobs: () => {
      for (const job of [...jobs, ...requestScopedJobs]) job.start();
    },
    stopJobs: async () => {
      // whoever has not finished shortly before requests are given up is ended, and pays for what was produced
      setTimeout(endWork, Math.max(0, config.service.shutdownTimeoutMs - SETTLING_TIME_MS)).unref();
      await Promise.all(jobs.map((job) => job.stop()));
    },
    // this phase comes after the last request
    flush: async () => {
      dropWork();
      await Promise.all(requestScopedJobs.map((job) => job.stop()));
      await ledger.idle();
    },
    closePools: async () => {
      stopWatch.stop();
      await Promise.all([
        listener.close(),
        pool.end(),
        ledgerPool.end(),
        dispatcher.close(),
        billingPool.close(),
      ]);
    },
  },
});
