/**
 * Which worker runs which job. The queue marks a running job with its worker and the time, but frees it only after
 * four hours when that worker dies. So workers renew the time, and free the jobs of workers that no longer do.
 */
import type pg from 'pg';

/** Renews this worker's claim on the jobs it runs. */
export async function renewClaims(pool: pg.Pool, worker: string, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length === 0) return;
  // Two statements: the queue itself locks a job before the job's queue, and one statement has no such order.
  await pool.query(
    `UPDATE graphile_worker._private_jobs SET locked_at = now() WHERE locked_by = $1 AND id = ANY ($2::bigint[])`,
    [worker, jobIds],
  );
  await pool.query('UPDATE graphile_worker._private_job_queues SET locked_at = now() WHERE locked_by = $1', [
    worker,
  ]);
}

/** Returns jobs that have not finished to the queue, at once and without counting the attempt. */
export async function releaseClaims(pool: pg.Pool, worker: string, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length === 0) return;
  await pool.query(
    `WITH jobs AS (
       UPDATE graphile_worker._private_jobs
          SET locked_at = NULL, locked_by = NULL, attempts = greatest(attempts - 1, 0)
        WHERE locked_by = $1 AND id = ANY ($2::bigint[])
       RETURNING job_queue_id)
     UPDATE graphile_worker._private_job_queues AS queues SET locked_at = NULL, locked_by = NULL
       FROM jobs WHERE queues.id = jobs.job_queue_id AND queues.locked_by = $1`,
    [worker, jobIds],
  );
  await pool.query(`SELECT pg_notify('jobs:insert', $1)`, [JSON.stringify({ count: jobIds.length })]);
}

/** Frees every job of a worker that has ended. */
export async function releaseWorker(pool: pg.Pool, worker: string): Promise<void> {
  await pool.query('SELECT graphile_worker.force_unlock_workers(ARRAY[$1::text])', [worker]);
}

/** Frees the jobs of workers, except `own`, whose claims are older than `staleMs`. @returns the workers that are gone. */
export async function releaseStaleClaims(
  pool: pg.Pool,
  own: readonly string[],
  staleMs: number,
): Promise<string[]> {
  const { rows } = await pool.query<{ worker: string }>(
    `SELECT DISTINCT locked_by AS worker
       FROM (SELECT locked_by, locked_at FROM graphile_worker._private_jobs
             UNION ALL
             SELECT locked_by, locked_at FROM graphile_worker._private_job_queues) AS claims
      WHERE locked_at < now() - $2 * interval '1 ms' AND locked_by <> ALL ($1::text[])`,
    [own, staleMs],
  );
  const gone = rows.map((row) => row.worker);
  if (gone.length === 0) return gone;
  // A job without attempts left stays as failed; it should say why.
  await pool.query(
    `UPDATE graphile_worker._private_jobs SET last_error = 'The worker ended during the run.'
      WHERE locked_by = ANY ($1::text[]) AND attempts >= max_attempts`,
    [gone],
  );
  await pool.query('SELECT graphile_worker.force_unlock_workers($1::text[])', [gone]);
  return gone;
}
