import type { CronItem } from 'graphile-worker';
import type pg from 'pg';
import type { Task } from './task.ts';

/** After a longer absence than this, occurrences that were missed stay missed. */
const BACKFILL_MS = 24 * 60 * 60 * 1000;

const MAX_POLL_MS = 2_000;

const keyOf = (task: Task) => `schedule:${task.name}`;

const intervalOf = ({ schedule }: Task): number | null =>
  schedule !== null && 'everySeconds' in schedule ? schedule.everySeconds : null;

/** Whether a task runs every few seconds. A run of it that failed is not repeated: the next one follows. */
export const isRepeated = (task: Task): boolean => intervalOf(task) !== null;

/** How long a planned run may wait for the next poll: 2 s, or less if a task has a shorter interval. */
export function shortestWaitMs(tasks: readonly Task[]): number {
  return Math.min(MAX_POLL_MS, ...tasks.map((task) => (intervalOf(task) ?? Infinity) * 1000));
}

/** The queue's cron items. An occurrence that is due while one still waits replaces it. */
export function cronItems(tasks: readonly Task[]): CronItem[] {
  return tasks.flatMap((task) => {
    const { name, schedule, maxAttempts } = task;
    if (schedule === null || !('cron' in schedule)) return [];
    const options = {
      backfillPeriod: BACKFILL_MS,
      jobKey: keyOf(task),
      jobKeyMode: 'replace' as const,
      queueName: name,
      maxAttempts,
    };
    return [{ task: name, identifier: name, match: schedule.cron, options }];
  });
}

/** Plans the next run of a task that runs every few seconds, in place of one that already waits. */
async function planRun(pool: pg.Pool, task: Task, delaySeconds: number): Promise<void> {
  await pool.query(
    `SELECT graphile_worker.add_job(
       identifier => $1, payload => '{}', queue_name => $1, run_at => now() + $2 * interval '1 s',
       max_attempts => $3, job_key => $4, job_key_mode => 'replace')`,
    [task.name, delaySeconds, task.maxAttempts, keyOf(task)],
  );
}

/** Plans a run at once for every task that runs every few seconds. Called at each start. */
export async function startIntervals(pool: pg.Pool, tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) if (isRepeated(task)) await planRun(pool, task, 0);
}

/** Plans missing runs. A run is missing only if its row was deleted by hand. */
export async function repairIntervals(pool: pg.Pool, tasks: readonly Task[]): Promise<void> {
  const repeated = tasks.filter(isRepeated);
  if (repeated.length === 0) return;
  const { rows } = await pool.query<{ key: string }>(
    'SELECT key FROM graphile_worker.jobs WHERE key = ANY ($1::text[]) AND attempts < max_attempts',
    [repeated.map(keyOf)],
  );
  const planned = new Set(rows.map(({ key }) => key));
  for (const task of repeated) if (!planned.has(keyOf(task))) await planRun(pool, task, 0);
}

/**
 * Ends a scheduled run: plans the next one if the task repeats, and removes earlier occurrences that failed. So a
 * failing task is listed once, with its last error, and not at all once it works again.
 */
export async function finishOccurrence(pool: pg.Pool, task: Task, jobId: string): Promise<void> {
  const interval = intervalOf(task);
  // Takes the key from the running job, which therefore is not repeated when it failed.
  if (interval !== null) await planRun(pool, task, interval);
  await pool.query(
    `DELETE FROM graphile_worker._private_jobs AS jobs USING graphile_worker._private_tasks AS tasks
      WHERE tasks.id = jobs.task_id AND tasks.identifier = $1
        AND jobs.id <> $2 AND jobs.locked_at IS NULL AND jobs.attempts >= jobs.max_attempts`,
    [task.name, jobId],
  );
}
