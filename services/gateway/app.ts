import type { FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import { addIdentity, type IdentityDependencies } from './identity.ts';
import { addMeteredRoutes, type MeteredDependencies } from './metered-routes.ts';
import { OPERATIONS } from './openapi/operations.ts';
import { callerOf } from './plugins/authenticate.ts';
import { addCors } from './plugins/cors.ts';
import { addSecurityHeaders } from './plugins/security-headers.ts';
import { registerHealth } from './routes/health.ts';
import { registerOpenApi } from './routes/openapi.ts';
import { registerProxied } from './routes/proxied.ts';

export type AppDependencies = IdentityDependencies & {
  metrics: Metrics;
  /** The services behind the gateway; without them it only knows who calls. */
  backends?: Backends;
};

export type Backends = Omit<MeteredDependencies, keyof IdentityDependencies | 'metrics'> & {
  billingPool: Dispatcher;
  usageMeteringPool: Dispatcher;
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
  addSecurityHeaders(app);
  addCors(app, config.corsOrigins);
  registerHealth(app);
  registerOpenApi(app);
  const identityJobs = await addIdentity(app, dependencies);
  const { backends } = dependencies;
  if (backends === undefined) return { app, jobs: identityJobs, ready: async () => {}, idle: async () => {} };

  const { jobs, ready, idle } = addMeteredRoutes(app, { ...dependencies, ...backends });
  const proxied = {
    signer: backends.signer,
    now: runtime.clock.now,
    callerOf: (request: FastifyRequest) =>
      request.routeOptions.config.auth === 'none' ? null : callerOf(request),
  };
  registerProxied(app, OPERATIONS.usageMetering, backends.usageMeteringPool, proxied);
  registerProxied(app, OPERATIONS.billing, backends.billingPool, proxied);
  return { app, jobs: [...identityJobs, ...jobs], ready, idle };
}
