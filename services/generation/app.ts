import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { acceptChannels } from '#libs/channel/server.ts';
import { WORK_PATH, WORK_PROTOCOL } from '#libs/contracts/work.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { rejectUnsignedCaller, requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createGenerationMetrics } from './calls/metrics.ts';
import type { CallRunner } from './calls/run-call.ts';
import { createChatHandler } from './chat/routes.ts';
import type { GenerationConfig } from './config.ts';
import { createGenerateHandler } from './content/routes.ts';
import { createImagesHandler } from './images/routes.ts';
import { createChatProviders, createImageProviders } from './providers/registry.ts';
import { createActiveRequests } from './requests/active-requests.ts';
import { createStopWatch, type StopWatch } from './requests/watch-stops.ts';
import { createWorkServer } from './requests/work-server.ts';
import { addSocialRoutes, type SocialDependencies } from './social/plugin.ts';
import { createStoredResponses } from './stored-responses/domain.ts';
import { resultsRoute } from './stored-responses/routes.ts';
import { createResultStore, RENEW_EVERY_MS } from './stored-responses/store.ts';

export type AppDependencies = {
  config: GenerationConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  ledger: Ledger;
  listener: Listener;
  signer: Pick<ContextSigner, 'verify'>;
  /** Connections to providers. */
  dispatcher: Dispatcher;
  /** What serves posts and knowledge-base files; without it there are none. */
  social?: Pick<SocialDependencies, 'entitlements' | 'publisher'>;
};

export type Generation = {
  app: ServiceApp;
  jobs: PeriodicJob[];
  /** Jobs that running requests depend on, until the last of them has ended. */
  requestScopedJobs: PeriodicJob[];
  /** Must have started before the first request is served. */
  stopWatch: StopWatch;
  /** Ends what is still running, so that it is settled before the process ends. */
  endWork: () => void;
  /** Cuts the connections of whoever still waits for work. */
  dropWork: () => void;
};

const OVERDUE_CHECK_INTERVAL_MS = 250;
/** What a plan of many calls may take. */
const MAX_HEAD_BYTES = 1024 * 1024;
const PURGE_INTERVAL_MS = 60 * 60_000;

export function buildApp(dependencies: AppDependencies): Generation {
  const { config, runtime, logger, pool, ledger, listener, signer, dispatcher } = dependencies;
  const { clock, newId, random } = runtime;
  const registry = createActiveRequests();
  const metrics = createGenerationMetrics(dependencies.metrics, registry.size);
  const results = createResultStore(pool);
  const storedResponses = createStoredResponses(results, logger);
  const runner: CallRunner = { ...config.calls, metrics, random };
  const providerOptions = { access: config.access, dispatcher, runtime: { clock, newId } };
  const providers = { ...createChatProviders(providerOptions), ...createImageProviders(providerOptions) };
  const task = {
    ledger,
    metrics,
    logger,
    sleep: (ms: number) => delay(ms),
    registry,
    storedResponses,
    deadlineMarginMs: config.deadlineMarginMs,
  };

  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics: dependencies.metrics,
    acceptRequestId: true,
  });
  const work = acceptChannels(app.server, WORK_PROTOCOL, {
    maxRequestBytes: config.service.bodyLimitBytes + MAX_HEAD_BYTES,
    refuse: ({ url, headers }) => (url === WORK_PATH ? rejectUnsignedCaller(signer, headers) : 404),
    serve: createWorkServer({
      ...task,
      handlers: {
        chat: createChatHandler({ runner, providers }),
        generate: createGenerateHandler({ runner, providers, clock }),
        image: createImagesHandler({ runner, providers }),
      },
      requests: dependencies.metrics,
      isOverloaded: () => config.service.eventLoopDelayLimitMs > 0 && app.isUnderPressure(),
    }),
    onError: (error) => logger.error({ err: error }, 'a channel failed'),
  });
  app.addHook('preClose', work.drain);
  requireInternalContext(app, signer);
  resultsRoute(app, results);
  const { social } = dependencies;
  const socialJobs = social ? addSocialRoutes(app, { ...social, runtime, logger, pool, ledger }) : [];

  const job = (name: string, intervalMs: number, run: () => Promise<unknown>) =>
    createPeriodicJob({
      name,
      intervalMs,
      logger,
      run: async () => {
        await run();
      },
    });
  return {
    app,
    stopWatch: createStopWatch({ listener, ledger, registry, logger }),
    endWork: () => registry.endAll('shutdown'),
    dropWork: work.drop,
    jobs: [job('purge kept answers', PURGE_INTERVAL_MS, results.purge), ...socialJobs],
    requestScopedJobs: [
      job('end overdue work', OVERDUE_CHECK_INTERVAL_MS, async () => registry.endOverdue(clock.now())),
      job('renew leases of kept answers', RENEW_EVERY_MS, storedResponses.renew),
    ],
  };
}
