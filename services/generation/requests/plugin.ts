import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Gauge } from 'prom-client';
import type { Database } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { createDirectRoutes, type DirectRouteOptions } from '#libs/service/direct-routes.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob } from '#libs/service/periodic-job.ts';
import type { ActiveRequests } from './domain/active-requests.ts';
import { runGenerationRequest } from './domain/generation-request.ts';
import type { GenerationHandler, GenerationHandlers } from './domain/handler.ts';
import { requestRoutes } from './routes.ts';
import { readStopNotices } from './stop-notices-store.ts';
import { createStopWatch } from './stop-watch.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The handler of each kind of request. Features register theirs; without one, a kind is not served. */
    generationHandlers: GenerationHandlers;
  }
}

export type RequestsOptions = DirectRouteOptions & {
  activeRequests: ActiveRequests;
  deadlineMarginMs: number;
  bodyLimitBytes: number;
  isOverloaded: () => boolean;
  database: Database;
  ledger: Ledger;
  listener: Listener;
  logger: Logger;
  metrics: Metrics;
};

const OVERDUE_CHECK_INTERVAL_MS = 250;
const LEASE_RENEWAL_INTERVAL_MS = 5_000;

const notServed: GenerationHandler = () => {
  throw new Error('No handler is registered for this kind of request.');
};

/**
 * Receives generation requests and runs them through the handlers that the features register. Emergency stops, deadlines
 * and leases are watched from before the first request until after the last.
 */
const requests: FastifyPluginAsync<RequestsOptions> = async (app, options) => {
  const { activeRequests, database, ledger, listener, logger, metrics } = options;
  const { storedResponses, callRunner } = app;
  const handlers: GenerationHandlers = {
    chat: notServed,
    image: notServed,
    embedding: notServed,
    moderation: notServed,
    search: notServed,
    audio: notServed,
  };
  const requestOptions = {
    ledger,
    spool: app.settlementSpool,
    logger,
    metrics: callRunner.metrics,
    reportOverrun: app.reportOverrun,
    sleep: (ms: number) => delay(ms),
    activeRequests,
    storedResponses,
    deadlineMarginMs: options.deadlineMarginMs,
  };
  requestRoutes(createDirectRoutes(app, options), {
    ...options,
    handlers,
    runRequest: (head, response, run) => runGenerationRequest(requestOptions, head, response, run),
  });
  new Gauge({
    name: 'inkmeter_active_requests',
    help: 'Requests in progress',
    registers: [metrics.registry],
    collect() {
      this.set(activeRequests.size());
    },
  });
  const stopWatch = createStopWatch({
    ...{ listener, ledger, activeRequests, logger },
    readNotices: (ids) => readStopNotices(database, ids),
  });
  const requestScopedJobs = [
    createPeriodicJob({
      name: 'end-overdue-requests',
      intervalMs: OVERDUE_CHECK_INTERVAL_MS,
      logger,
      run: async () => activeRequests.endOverdue(),
    }),
    createPeriodicJob({
      name: 'renew-stored-response-leases',
      intervalMs: LEASE_RENEWAL_INTERVAL_MS,
      logger,
      run: storedResponses.renew,
    }),
  ];

  app.decorate('generationHandlers', handlers);
  app.addHook('onReady', stopWatch.start);
  app.addHook('onListen', async () => {
    for (const job of requestScopedJobs) job.start();
  });
  app.addHook('onClose', async () => {
    stopWatch.stop();
    await Promise.all(requestScopedJobs.map((job) => job.stop()));
  });
};

export const requestsPlugin = fastifyPlugin(requests, {
  name: 'requests',
  dependencies: ['calls', 'spool', 'stored-responses'],
});
