import type pg from 'pg';
import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#libs/service/metrics.ts';

/** `released`: the service stopped before the run ended, and another replica continues. */
export type RunOutcome = 'succeeded' | 'retried' | 'failed' | 'released';

type TaskCounts = { task: string; queued: number; running: number; failed: number; oldest_age: number };

type JobMetricsOptions = { registry: Metrics['registry']; pool: pg.Pool; tasks: readonly string[] };

type JobMetrics = { recordRun: (task: string, outcome: RunOutcome) => void };

/** The workers of a process share its registry, and have different tasks. */
const shared = new WeakMap<Metrics['registry'], JobMetrics & { tasks: string[] }>();

/**
 * Metrics of the tasks that this process runs. The gauges describe the shared queue, so every replica reports the
 * same: take their maximum, not their sum. They are read when scraped; while the database is away they are absent.
 */
export function createJobMetrics(options: JobMetricsOptions): JobMetrics {
  const { registry, tasks } = options;
  const known = shared.get(registry);
  if (known !== undefined) {
    known.tasks.push(...tasks);
    return known;
  }
  const all = [...tasks];
  const created = { tasks: all, ...registerMetrics({ ...options, tasks: all }) };
  shared.set(registry, created);
  return created;
}

function registerMetrics({ registry, pool, tasks }: JobMetricsOptions): JobMetrics {
  const registers = [registry];
  let reading: Promise<TaskCounts[]> | undefined;
  // Both gauges are collected at the same time and share one query.
  const read = () => {
    reading ??= readCounts(pool, tasks)
      .catch(() => [])
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };

  new Gauge({
    name: 'inkmeter_jobs',
    help: 'Jobs by task and state: queued (also for later), running, failed (no attempts left)',
    labelNames: ['task', 'state'] as const,
    registers,
    async collect() {
      const counts = await read();
      this.reset();
      for (const { task, queued, running, failed } of counts) {
        this.set({ task, state: 'queued' }, queued);
        this.set({ task, state: 'running' }, running);
        this.set({ task, state: 'failed' }, failed);
      }
    },
  });
  new Gauge({
    name: 'inkmeter_jobs_oldest_age_seconds',
    help: 'Time since the oldest waiting job of a task was due; 0 when none is',
    labelNames: ['task'] as const,
    registers,
    async collect() {
      const counts = await read();
      this.reset();
      for (const { task, oldest_age: age } of counts) this.set({ task }, age);
    },
  });
  const runs = new Counter({
    name: 'inkmeter_job_runs_total',
    help: 'Runs of jobs by task and outcome',
    labelNames: ['task', 'outcome'] as const,
    registers,
  });
  return { recordRun: (task, outcome) => runs.inc({ task, outcome }) };
}

async function readCounts(pool: pg.Pool, tasks: readonly string[]): Promise<TaskCounts[]> {
  const { rows } = await pool.query<TaskCounts>(
    `SELECT task,
            (count(*) FILTER (WHERE locked_at IS NULL AND attempts < max_attempts))::int AS queued,
            (count(*) FILTER (WHERE locked_at IS NOT NULL))::int AS running,
            (count(*) FILTER (WHERE locked_at IS NULL AND attempts >= max_attempts))::int AS failed,
            coalesce(extract(epoch FROM now() - min(run_at) FILTER (
              WHERE locked_at IS NULL AND attempts < max_attempts AND run_at <= now())), 0)::float8 AS oldest_age
       FROM unnest($1::text[]) AS task LEFT JOIN graphile_worker.jobs ON task_identifier = task
      GROUP BY task`,
    [tasks],
  );
  return rows;
}
