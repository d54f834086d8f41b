import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import type { ChannelClient } from '#libs/channel/client.ts';
import { type AccountEntitlements, createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { createQuotaResources } from '#libs/clients/quota-resources.ts';
import type { AnswerHead } from '#libs/contracts/work.ts';
import { createDatabase } from '#libs/db/database.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { addIdentity, type IdentityDependencies } from './auth/plugin.ts';
import { browserHeadersPlugin } from './browser-headers/plugin.ts';
import { chatPlugin } from './chat/plugin.ts';
import { contentPlugin } from './content/plugin.ts';
import { registerHealth } from './docs/health-routes.ts';
import { registerOpenApi } from './docs/routes.ts';
import { idempotencyTasks } from './idempotency/jobs.ts';
import { idempotencyPlugin } from './idempotency/plugin.ts';
import { imagesPlugin } from './images/plugin.ts';
import { meteringPlugin } from './metering/plugin.ts';
import { modelsPlugin } from './models/plugin.ts';
import { OPERATIONS } from './openapi/operations.ts';
import { proxyPlugin } from './proxy/plugin.ts';

export type AppDependencies = Omit<IdentityDependencies, 'quotaResources'> & {
  metrics: Metrics;
  /** The services behind the gateway. Without them it serves identity only. */
  backends?: Backends;
  /** Read from billing, unless given. */
  entitlements?: AccountEntitlements;
};

export type Backends = {
  signer: ContextSigner;
  billing: InternalClient;
  billingPool: Dispatcher;
  usageMetering: InternalClient;
  usageMeteringPool: Dispatcher;
  /** Each list has one member for each generation process. */
  generation: {
    clients: readonly InternalClient[];
    pools: readonly Dispatcher[];
    channels: readonly ChannelClient<AnswerHead>[];
  };
  /** Connections for the ledger alone, so that holds never wait for other queries. */
  ledgerPool: Pool;
  holdTtlMs: number;
};

const NO_ENTITLEMENTS: AccountEntitlements = {
  get: async () => {
    throw meteringUnavailable(new Error('Billing is not configured.'));
  },
  catalogueOf: async () => undefined,
  suggestPlans: async () => undefined,
  listen: async () => () => {},
};

export type Gateway = {
  app: ServiceApp;
  jobs: PeriodicJob[];
  tasks: Task[];
  /** Rejects while metered requests cannot be served. */
  ready: () => Promise<void>;
  /** Resolves when every hold has been answered. */
  idle: () => Promise<void>;
};

/** Builds the shared parts and registers the features. The app does not listen yet. */
export async function buildApp(dependencies: AppDependencies): Promise<Gateway> {
  const { config, runtime, logger, metrics, backends, pool, listener } = dependencies;
  const { now } = runtime.clock;
  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics,
    keepRawBody: true,
    openAiErrorsFor: (url) => url.startsWith('/v1/'),
    trustProxy: config.trustProxy.length === 0 ? false : config.trustProxy,
  });
  // Only JSON is accepted: a text body gets 415 instead of a complaint about malformed JSON.
  app.removeContentTypeParser('text/plain');

  const database = createDatabase(pool);
  const ledger = createLedger({ pool: backends?.ledgerPool ?? pool });
  const entitlements =
    dependencies.entitlements ??
    (backends ? createAccountEntitlements({ ...backends, listener, runtime }) : NO_ENTITLEMENTS);
  let stopListening = () => {};
  app.addHook('onReady', async () => {
    stopListening = await entitlements.listen();
  });
  app.addHook('onClose', () => stopListening());
  const quotaResources = createQuotaResources({ ledger, entitlements, runtime });

  await app.register(browserHeadersPlugin, { corsOrigins: config.corsOrigins });
  registerHealth(app);
  registerOpenApi(app);
  const jobs = await addIdentity(app, { ...dependencies, quotaResources });
  const tasks = idempotencyTasks({ database, now });
  if (backends === undefined) return { app, jobs, tasks, ready: async () => {}, idle: ledger.idle };

  const { signer, usageMetering, generation, holdTtlMs } = backends;
  await app.register(idempotencyPlugin, { database, now, logger, generation: generation.clients });
  await app.register(meteringPlugin, {
    runtime,
    logger,
    metrics,
    listener,
    ledger,
    entitlements,
    readLimits: (query) => readLimits(pool, now(), query),
    usageMetering,
    channels: generation.channels,
    holdTtlMs,
  });
  await app.register(chatPlugin);
  await app.register(contentPlugin);
  await app.register(imagesPlugin);
  await app.register(modelsPlugin);
  const proxied = [
    { operations: OPERATIONS.usageMetering, pools: [backends.usageMeteringPool] },
    { operations: OPERATIONS.billing, pools: [backends.billingPool] },
    { operations: OPERATIONS.generation, pools: generation.pools },
  ];
  for (const service of proxied) await app.register(proxyPlugin, { ...service, signer, now });
  return { app, jobs, tasks, ready: app.metering.priceBook.ready, idle: ledger.idle };
}
