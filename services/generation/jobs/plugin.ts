import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import { type EventStream, openEventStream } from '#libs/http/event-stream.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import {
  createDirectRoutes,
  type DirectRoute,
  type DirectRouteOptions,
} from '#libs/service/direct-routes.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ActiveRequests } from '../requests/domain/active-requests.ts';
import type { ReceivedHead } from '../requests/domain/generation-request.ts';
import { createCacheRecorder } from './cache-metrics.ts';
import type { GenerationRow } from './domain/job.ts';
import { cancelJob } from './end-job.ts';
import { followEvents } from './follow.ts';
import { createJobHub } from './hub.ts';
import { createModerate } from './moderate.ts';
import { jobRoutes } from './routes.ts';
import type { RunOptions } from './run-step.ts';
import {
  type EventRow,
  findDocumentContents,
  findEvents,
  findGeneration,
  type StoredDocument,
} from './store.ts';
import { decodeHeld, recoverAccepted, submit, submitRoutes } from './submit-routes.ts';

/** Jobs for the features that answer with their results. */
export type JobApi = {
  readonly submit: (head: ReceivedHead, body: unknown) => Promise<GenerationRow>;
  readonly cancel: (accountId: string, id: string) => Promise<GenerationRow>;
  readonly follow: (id: string, signal: AbortSignal) => AsyncGenerator<EventRow>;
  /** All events so far. */
  readonly events: (id: string) => Promise<EventRow[]>;
  readonly find: (accountId: string, id: string) => Promise<GenerationRow | undefined>;
  readonly documents: (id: string) => Promise<StoredDocument[]>;
  readonly decode: typeof decodeHeld;
  readonly openStream: typeof openEventStream;
  readonly addRoute: (route: DirectRoute) => void;
};

declare module 'fastify' {
  interface FastifyInstance {
    jobs: JobApi;
    /** What the tasks of jobs run with. */
    jobRunOptions: RunOptions;
  }
}

export type JobsOptions = DirectRouteOptions & {
  database: Database;
  ledger: Ledger;
  listener: Listener;
  metrics: Metrics;
  runtime: Runtime;
  logger: Logger;
  activeRequests: ActiveRequests;
  deadlineMarginMs: number;
  bodyLimitBytes: number;
};

/** Content jobs: their creation, their steps, and what their owners see of them. */
const jobs: FastifyPluginAsync<JobsOptions> = async (app, options) => {
  const { database, ledger, listener, runtime, logger, metrics } = options;
  const hub = createJobHub(listener);
  const shared = { database, ledger, runtime, recordCache: createCacheRecorder(metrics) };
  const addRoute = createDirectRoutes(app, options);
  const { contentInputs, storedResponses } = app;
  const settling = {
    runner: app.callRunner,
    metrics: app.callRunner.metrics,
    spool: app.settlementSpool,
    reportOverrun: app.reportOverrun,
    sleep: (ms: number) => delay(ms),
    logger,
  };
  const moderate = createModerate({ ...options, ...settling, providers: app.providers });
  submitRoutes(addRoute, { ...options, ...shared, contentInputs, moderate, storedResponses });
  app.responseRecoveries.push((requestId, accountId) => recoverAccepted(shared, requestId, accountId));
  jobRoutes(app, { ...shared, hub });
  app.decorate('jobRunOptions', {
    ...options,
    ...shared,
    hub,
    ...settling,
    providers: app.providers,
    saveMedia: app.saveMedia,
    readMedia: app.readMedia,
    openMedia: app.openMedia,
    deleteMedia: app.deleteMedia,
  });
  app.decorate('jobs', {
    submit: (head, body) => submit({ ...shared, contentInputs, moderate }, head, body),
    cancel: (accountId, id) => cancelJob(shared, accountId, id),
    follow: (id, signal) => followEvents({ database, hub }, id, 0, signal),
    events: (id) => findEvents(database, id, 0, Number.MAX_SAFE_INTEGER),
    find: (accountId, id) => findGeneration(database, accountId, id),
    documents: (id) => findDocumentContents(database, id),
    decode: decodeHeld,
    openStream: openEventStream,
    addRoute,
  });
  app.addHook('onReady', hub.start);
  app.addHook('onClose', async () => hub.stop());
};

export type { EventRow, EventStream, GenerationRow, StoredDocument };

export const jobsPlugin = fastifyPlugin(jobs, {
  name: 'jobs',
  dependencies: ['calls', 'spool', 'stored-responses', 'providers', 'content-inputs', 'media'],
});
