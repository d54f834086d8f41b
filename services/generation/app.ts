import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { GenerationConfig } from './config.ts';
import { createKeptAnswers } from './domain/kept-answers.ts';
import type { CallRunner } from './domain/run-call.ts';
import { createRunningRegistry } from './domain/running.ts';
import { createStopWatch, type StopWatch } from './jobs/watch-stops.ts';
import { createGenerationMetrics } from './metrics.ts';
import { createChatProviders, createImageProviders } from './providers/registry.ts';
import { chatCompletionsRoute } from './routes/chat-completions.ts';
import { generateRoute } from './routes/generate.ts';
import { imagesRoute } from './routes/images.ts';
import { resultsRoute } from './routes/results.ts';
import { closeUntouchedHolds } from './routes/task.ts';
import { addSocialRoutes, type SocialDependencies } from './social.ts';
import { createResultStore, RENEW_EVERY_MS } from './store/results.ts';

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
  attendants: PeriodicJob[];
  /** Must have started before the first request is served. */
  stopWatch: StopWatch;
  /** Ends what is still running, so that it is settled before the process ends. */
  endWork: () => void;
};

const OVERDUE_CHECK_INTERVAL_MS = 250;
const PURGE_INTERVAL_MS = 60 * 60_000;

export function buildApp(dependencies: AppDependencies): Generation {
  const { config, runtime, logger, pool, ledger, listener, signer, dispatcher } = dependencies;
  const { clock, newId, random } = runtime;
  const registry = createRunningRegistry();
  const metrics = createGenerationMetrics(dependencies.metrics, registry.size);
  const results = createResultStore(pool);
  const keptAnswers = createKeptAnswers(results, logger);
  const runner: CallRunner = { ...config.calls, metrics, random };
  const providerOptions = { access: config.access, dispatcher, runtime: { clock, newId } };
  const providers = { ...createChatProviders(providerOptions), ...createImageProviders(providerOptions) };
  const task = {
    ledger,
    metrics,
    logger,
    sleep: (ms: number) => delay(ms),
    registry,
    keptAnswers,
    deadlineMarginMs: config.deadlineMarginMs,
  };

  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics: dependencies.metrics,
    acceptRequestId: true,
    openAiErrorsFor: (url) => url.startsWith('/v1/'),
  });
  closeUntouchedHolds(app, { ledger, signer, logger });
  requireInternalContext(app, signer);
  chatCompletionsRoute(app, { ...task, runner, providers });
  generateRoute(app, { ...task, runner, providers, clock });
  imagesRoute(app, { ...task, runner, providers });
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
    jobs: [job('purge kept answers', PURGE_INTERVAL_MS, results.purge), ...socialJobs],
    attendants: [
      job('end overdue work', OVERDUE_CHECK_INTERVAL_MS, async () => registry.endOverdue(clock.now())),
      job('renew leases of kept answers', RENEW_EVERY_MS, keptAnswers.renew),
    ],
  };
}
