import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCronItems, type Runner, run, type TaskList, type WorkerEvents } from 'graphile-worker';
import { JOB_SCHEMA } from '#libs/db/job-schema.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { type ActiveRun, abortLostRuns, renewRuns, workersOf } from './active-runs.ts';
import { releaseClaims, releaseStaleClaims, releaseWorker } from './claims.ts';
import { createJobMetrics } from './job-metrics.ts';
import { createQueuePool, queueLogger } from './queue-pool.ts';
import { runTask } from './run-task.ts';
import { cronItems, repairIntervals, shortestWaitMs, startIntervals } from './schedules.ts';
import type { Task } from './task.ts';

export type JobsOptions = {
  /** A direct connection: a pooler in transaction mode drops LISTEN silently. */
  connectionString: string;
  /** Shown in `pg_stat_activity`. */
  applicationName?: string;
  /** The tasks of this service. Jobs of other tasks wait for the services that have them. */
  tasks: readonly Task[];
  logger: Logger;
  metrics: Pick<Metrics, 'registry'>;
  /** Jobs that run at the same time; 4 by default. */
  concurrency?: number;
  /** How often to look for jobs that no notification reported, such as those for later. By default 2 s, or the shortest
   * interval of a task. */
  pollMs?: number;
  /** How long the jobs of a dead process stay claimed; 20 s by default. */
  claimMs?: number;
  /** How long `stop` waits; 8 s by default. Running jobs are aborted after half of it. */
  stopMs?: number;
};

export type Jobs = {
  /** Begins to run jobs. Keeps trying while the database is away. */
  readonly start: () => void;
  /** Takes no further jobs, awaits or aborts the running ones, and returns unfinished ones to the queue. */
  readonly stop: () => Promise<void>;
};

const RESTART_DELAY_MS = 1_000;
const RUNS_POLL_MS = 50;
/** Claims are renewed this often before they would be stale. */
const RENEWALS = 4;

/**
 * Runs the jobs of a service's tasks from the queue in PostgreSQL that all services and replicas share.
 *
 * @throws TypeError when two tasks have the same name.
 */
export function createJobs(options: JobsOptions): Jobs {
  const { tasks, logger } = options;
  const { pollMs = shortestWaitMs(tasks), claimMs = 20_000, stopMs = 8_000, concurrency = 4 } = options;
  const names = tasks.map(({ name }) => name);
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined) throw new TypeError(`Two tasks have the name "${duplicate}".`);

  const pool = createQueuePool({ ...options, concurrency });
  const { recordRun } = createJobMetrics({ registry: options.metrics.registry, pool, tasks: names });
  const active = new Map<string, ActiveRun>();
  const taskList: TaskList = Object.fromEntries(
    tasks.map((task) => [
      task.name,
      (payload, helpers) => runTask(task, payload, helpers, { pool, logger, active, recordRun }),
    ]),
  );
  const stopping = new AbortController();
  /** Every worker of this process that may still hold claims. */
  const workers = new Set<string>();
  let runner: Runner | undefined;
  let supervision: Promise<unknown> | undefined;

  /** One life of the queue's worker. It ends when it is stopped, or when the database was away. */
  async function runWorker(onRunning: () => void): Promise<void> {
    await releaseEarlierWorkers();
    await startIntervals(pool, tasks);
    const events = new EventEmitter() as WorkerEvents;
    events.on('pool:create', ({ workerPool }) => workers.add(workerPool.id));
    const failed = Promise.withResolvers<void>();
    events.on('pool:gracefulShutdown', () => {
      if (!stopping.signal.aborted) failed.resolve();
    });
    runner = await run({
      pgPool: pool,
      schema: JOB_SCHEMA,
      taskList,
      parsedCronItems: parseCronItems(cronItems(tasks)),
      noHandleSignals: true,
      logger: queueLogger(logger),
      events,
      preset: {
        worker: {
          concurrentJobs: concurrency,
          pollInterval: pollMs,
          gracefulShutdownAbortTimeout: stopMs / 2,
          // Unbatched, a failure to record the end of a job is a rejection that the library does not handle.
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
    onRunning();
    if (stopping.signal.aborted) stopRunner();
    // The library counts batches that it could not write twice, and then awaits their end forever.
    await Promise.race([runner.promise, failed.promise.then(allRunsEnded)]);
    stopRunner();
  }

  async function allRunsEnded(): Promise<void> {
    while (active.size > 0) await delay(RUNS_POLL_MS);
  }

  /** A worker ends early only when the database was away, so its last claims are still there. */
  async function releaseEarlierWorkers(): Promise<void> {
    for (const worker of workers) {
      await releaseWorker(pool, worker);
      workers.delete(worker);
    }
  }

  /** Restarts the worker whenever it ends, until `stop`. */
  async function supervise(): Promise<void> {
    let isReported = false;
    while (!stopping.signal.aborted) {
      try {
        await runWorker(() => {
          isReported = false;
        });
      } catch (error) {
        if (!isReported) logger.warn({ err: error }, 'job worker failed');
        isReported = true;
      }
      await pause(RESTART_DELAY_MS);
    }
  }

  /** Keeps the claims on this process's jobs, and frees those of processes that died. */
  async function maintain(): Promise<void> {
    while (!stopping.signal.aborted) {
      await maintainOnce().catch((error: unknown) => logger.debug({ err: error }, 'job claims not renewed'));
      await pause(claimMs / RENEWALS);
    }
  }

  async function maintainOnce(): Promise<void> {
    abortLostRuns(active, claimMs);
    await renewRuns(pool, active);
    const gone = await releaseStaleClaims(pool, workersOf(active), claimMs);
    if (gone.length > 0) logger.warn({ workers: gone }, 'stale job claims released');
    await repairIntervals(pool, tasks);
  }

  const pause = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  function stopRunner(): void {
    runner?.stop().catch(() => undefined);
  }

  async function abandonRuns(): Promise<void> {
    if (active.size > 0) logger.warn({ jobs: [...active.keys()] }, 'unfinished jobs released');
    for (const worker of workersOf(active)) await releaseClaims(pool, worker, [...active.keys()]);
    runner?.kill().catch(() => undefined);
  }

  return {
    start() {
      supervision ??= Promise.all([supervise(), maintain()]);
    },
    async stop() {
      stopping.abort();
      stopRunner();
      const deadline = new AbortController();
      const isLate = await Promise.race([
        Promise.resolve(supervision).then(() => false),
        delay(stopMs, true, { signal: deadline.signal }).catch(() => true),
      ]);
      deadline.abort();
      if (isLate)
        await abandonRuns().catch((error: unknown) => logger.warn({ err: error }, 'jobs not released'));
      await pool.end();
    },
  };
}
