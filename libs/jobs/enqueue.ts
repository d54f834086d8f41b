import { sql } from 'drizzle-orm';
import { only, type Queryable } from '#libs/db/database.ts';
import { clockAheadMs } from '#libs/service/system-clock.ts';
import type { Task } from './task.ts';

export type EnqueueOptions = {
  /** At most one waiting job has this key: enqueuing again replaces its payload and time. A running one is not affected. */
  jobKey?: string;
  /** Jobs of one queue run one after another. Use few queues: a hash of the customer, not the customer. */
  queue?: string;
  /** At once by default. On the clock of this process, which a local installation may have moved. */
  runAt?: Date;
  /** Lower runs first; 0 by default. */
  priority?: number;
  /** By default the task's own, or 25 if the task is given by name. */
  maxAttempts?: number;
};

/**
 * Adds a job in the caller's transaction: it exists if and only if that commits, and starts right after.
 *
 * @param task By name when another service runs it.
 * @returns the job's id.
 * @throws ZodError when the payload does not fit the task.
 */
export async function enqueue<Payload extends object>(
  tx: Queryable,
  task: Task<Payload> | string,
  payload: Payload,
  options: EnqueueOptions = {},
): Promise<string> {
  const isName = typeof task === 'string';
  const name = isName ? task : task.name;
  const checked = isName ? payload : task.schema.parse(payload);
  // A scheduled task runs serially, also when it is asked for in between.
  const queue = options.queue ?? (isName || task.schedule === null ? null : name);
  const maxAttempts = options.maxAttempts ?? (isName ? null : task.maxAttempts);
  for (;;) {
    // A function of the job queue, not a table.
    const { rows } = await tx.execute<{ id: bigint | string | null }>(sql`
      SELECT id FROM graphile_worker.add_job(
        identifier => ${name}::text,
        payload => ${JSON.stringify(checked)}::json,
        queue_name => ${queue}::text,
        run_at => ${databaseTime(options.runAt)}::timestamptz,
        max_attempts => ${maxAttempts}::int,
        job_key => ${options.jobKey ?? null}::text,
        priority => ${options.priority ?? null}::int)`);
    const { id } = only(rows);
    // The queue adds nothing where a job with the key begins in that moment. The next attempt adds one after it.
    if (id !== null) return String(id);
  }
}

/** A job for {@link enqueueAll}: at once, for a task given by name. */
export type JobSpec = {
  task: string;
  payload: object;
  jobKey: string;
  queue?: string;
  /** 25 by default. */
  maxAttempts?: number;
};

/**
 * Adds many jobs in one statement. Of several with the same key, the last one counts.
 */
export async function enqueueAll(tx: Queryable, jobs: readonly JobSpec[]): Promise<void> {
  if (jobs.length === 0) return;
  const byKey = new Map(jobs.map((job) => [job.jobKey, job]));
  while (byKey.size > 0) {
    // In one order, so that two transactions with the same keys wait for each other and never deadlock.
    const sorted = [...byKey.values()].sort((a, b) => (a.jobKey < b.jobKey ? -1 : 1));
    const specs = sorted.map(({ task, payload, jobKey, queue = null, maxAttempts = null }) => ({
      identifier: task,
      payload,
      queue_name: queue,
      max_attempts: maxAttempts,
      job_key: jobKey,
    }));
    // A function of the job queue, not a table.
    const { rows } = await tx.execute<{ key: string }>(sql`
      SELECT key FROM graphile_worker.add_jobs(
        ARRAY(SELECT spec FROM jsonb_populate_recordset(NULL::graphile_worker.job_spec, ${JSON.stringify(specs)}::jsonb) AS spec))`);
    // The queue adds nothing where a job with the key begins in that moment. The next attempt adds one after it.
    for (const { key } of rows) byKey.delete(key);
  }
}

/** The queue compares with the database's clock. */
function databaseTime(at: Date | undefined): string | null {
  return at === undefined ? null : new Date(at.getTime() - clockAheadMs()).toISOString();
}
