import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import { addIdentity, type IdentityDependencies } from './identity.ts';
import { addCors } from './plugins/cors.ts';
import { addSecurityHeaders } from './plugins/security-headers.ts';
import { registerHealth } from './routes/health.ts';

export type AppDependencies = IdentityDependencies & { metrics: Metrics };

export type Gateway = {
  app: ServiceApp;
  jobs: PeriodicJob[];
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
  addSecurityHeaders(app);
  addCors(app, config.corsOrigins);
  registerHealth(app);
  const jobs = await addIdentity(app, dependencies);
  return { app, jobs };
}
