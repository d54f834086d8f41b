/** Reads and retries jobs for staff. The tables belong to the queue, so this is SQL. */
import type { Queryable, Tx } from '#libs/db/database.ts';
import { scrub } from '#libs/service/redaction.ts';

export type JobState = 'failed' | 'queued' | 'running';

export type JobRecord = {
  id: string;
  task: string;
  state: JobState;
  attempts: number;
  maxAttempts: number;
  lastError: string | null;
  /** `accountId` of the payload; the rest of the payload is not read. */
  accountId: string | null;
  createdAt: Date;
  runAt: Date;
};

const MAX_ERROR_LENGTH = 500;

const STATE_SQL = `CASE WHEN j.locked_at IS NOT NULL THEN 'running'
                        WHEN j.attempts >= j.max_attempts THEN 'failed' ELSE 'queued' END`;

const SELECT_SQL = `
  SELECT j.id::text, t.identifier AS task, ${STATE_SQL} AS state, j.attempts, j.max_attempts AS "maxAttempts",
         j.last_error AS "lastError", j.payload->>'accountId' AS "accountId",
         j.created_at AS "createdAt", j.run_at AS "runAt"
    FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id`;

/** Jobs in a state, newest first, with ids below `before`. */
export async function listJobs(
  db: Queryable,
  filter: { state: JobState; task: string | null },
  { limit, before }: { limit: number; before: string | null },
): Promise<JobRecord[]> {
  const { rows } = await db.$client.query<JobRecord>(
    `${SELECT_SQL}
      WHERE ${STATE_SQL} = $1 AND ($2::text IS NULL OR t.identifier = $2) AND ($3::bigint IS NULL OR j.id < $3)
      ORDER BY j.id DESC LIMIT $4`,
    [filter.state, filter.task, before, limit],
  );
  return rows.map(toRecord);
}

/**
 * Queues a failed job again, at once and with all its attempts. A job in another state stays as it is.
 *
 * @returns the job before and after; undefined if there is no such job.
 */
export async function retryJob(
  tx: Tx,
  id: string,
): Promise<{ before: JobRecord; after: JobRecord } | undefined> {
  const read = async (suffix = '') =>
    (await tx.$client.query<JobRecord>(`${SELECT_SQL} WHERE j.id = $1 ${suffix}`, [id])).rows.map(
      toRecord,
    )[0];
  const before = await read('FOR UPDATE OF j');
  if (before === undefined) return undefined;
  if (before.state !== 'failed') return { before, after: before };
  await tx.$client.query(
    'SELECT graphile_worker.reschedule_jobs(ARRAY[$1::bigint], run_at => now(), attempts => 0)',
    [id],
  );
  await tx.$client.query(`SELECT pg_notify('jobs:insert', '{"count":1}')`);
  return { before, after: (await read()) ?? before };
}

/** Deletes jobs that failed before a time. @returns how many. */
export async function deleteFailedJobs(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.$client.query(
    `DELETE FROM graphile_worker._private_jobs
      WHERE locked_at IS NULL AND attempts >= max_attempts AND updated_at < $1`,
    [before],
  );
  return rowCount ?? 0;
}

function shorten(error: string | null): string | null {
  return error && scrub(error).slice(0, MAX_ERROR_LENGTH);
}

function toRecord(row: JobRecord): JobRecord {
  return { ...row, lastError: shorten(row.lastError) };
}

/** Tasks with jobs that have run out of attempts since, with the last error of the newest. Errors have no payloads. */
export async function listFailedTasks(
  db: Queryable,
  since: Date,
): Promise<{ task: string; count: number; lastError: string | null }[]> {
  const { rows } = await db.$client.query<{ task: string; count: number; lastError: string | null }>(
    `SELECT t.identifier AS task, count(*)::integer AS count,
            (array_agg(j.last_error ORDER BY j.updated_at DESC))[1] AS "lastError"
       FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id
      WHERE j.attempts >= j.max_attempts AND j.locked_at IS NULL AND j.updated_at > $1
      GROUP BY t.identifier ORDER BY t.identifier`,
    [since],
  );
  return rows.map((row) => ({ ...row, lastError: shorten(row.lastError) }));
}
