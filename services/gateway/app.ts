import type { FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { type AccountEntitlements, createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { createQuotaResources } from '#libs/clients/quota-resources.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { callerOf } from './auth/authenticate.ts';
import { addIdentity, type IdentityDependencies } from './auth/plugin.ts';
import { browserHeadersPlugin } from './browser-headers/plugin.ts';
import { registerHealth } from './docs/health-routes.ts';
import { registerOpenApi } from './docs/routes.ts';
import { addMeteredRoutes, type MeteredDependencies } from './metering/plugin.ts';
import { OPERATIONS } from './openapi/operations.ts';
import { registerProxied } from './proxy/routes.ts';

export type AppDependencies = Omit<IdentityDependencies, 'quotaResources'> & {
  metrics: Metrics;
  /** The services behind the gateway; without them it only knows who calls. */
  backends?: Backends;
  /** Who knows what accounts may do; billing, unless given. */
  entitlements?: AccountEntitlements;
};

export type Backends = Pick<MeteredDependencies, 'usageMetering' | 'holdTtlMs'> & {
  signer: ContextSigner;
  generation: MeteredDependencies['generation'] & { pools: readonly Dispatcher[] };
  /** For the ledger alone, so that no other query makes a hold wait for a connection. */
  ledgerPool: Pool;
  billing: InternalClient;
  billingPool: Dispatcher;
  usageMeteringPool: Dispatcher;
};

/** Without billing, nothing that is counted can be made. */
const NO_ENTITLEMENTS: AccountEntitlements = {
  get: async () => {
    throw meteringUnavailable(new Error('there is no billing'));
  },
  catalogueOf: async () => undefined,
  suggestPlans: async () => undefined,
  listen: async () => () => {},
};

export type Gateway = {
  app: ServiceApp;
  jobs: PeriodicJob[];
  /** Fails while requests that spend could not be served. */
  ready: () => Promise<void>;
  /** Resolves when every hold handed in has been answered. */
  idle: () => Promise<void>;
};

/** The whole gateway, from its stores to its routes; it listens to nothing yet. */
export async function buildApp(dependencies: AppDependencies): Promise<Gateway> {
  const { config, runtime, logger, metrics } = dependencies;
  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics,
    keepRawBody: true,
    openAiErrorsFor: (url) => url.startsWith('/v1/'),
    trustProxy: config.trustProxy.length === 0 ? false : config.trustProxy,
  });
  // JSON is all we read; text would reach the routes as a string and be complained about as bad JSON.
  app.removeContentTypeParser('text/plain');
  await app.register(browserHeadersPlugin, { corsOrigins: config.corsOrigins });
  registerHealth(app);
  registerOpenApi(app);
  const { backends, pool, listener } = dependencies;
  const { now } = runtime.clock;
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
  const identityJobs = await addIdentity(app, { ...dependencies, quotaResources });
  if (backends === undefined) return { app, jobs: identityJobs, ready: async () => {}, idle: ledger.idle };

  const { jobs, ready, idempotency } = addMeteredRoutes(app, {
    ...dependencies,
    ...backends,
    ledger,
    entitlements,
  });
  const proxied = {
    signer: backends.signer,
    now,
    idempotency,
    callerOf: (request: FastifyRequest) =>
      request.routeOptions.config.auth === 'none' ? null : callerOf(request),
  };
  registerProxied(app, OPERATIONS.usageMetering, [backends.usageMeteringPool], proxied);
  registerProxied(app, OPERATIONS.billing, [backends.billingPool], proxied);
  registerProxied(app, OPERATIONS.generation, backends.generation.pools, proxied);
  return { app, jobs: [...identityJobs, ...jobs], ready, idle: ledger.idle };
}
