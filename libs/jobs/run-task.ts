import type { JobHelpers } from 'graphile-worker';
import type pg from 'pg';
import type { Logger } from '#libs/service/logger.ts';
import type { ActiveRun } from './active-runs.ts';
import { releaseClaims } from './claims.ts';
import { describeFailure, summarizeFailure } from './failure.ts';
import type { RunOutcome } from './job-metrics.ts';
import { finishOccurrence, isRepeated } from './schedules.ts';
import type { Task } from './task.ts';

export type RunOptions = {
  pool: pg.Pool;
  logger: Logger;
  /** The runs of this process by job id. */
  active: Map<string, ActiveRun>;
  recordRun: (task: string, outcome: RunOutcome) => void;
};

/**
 * Runs one job. Rejects with a message that is fit for the job's row when the run failed, so that the queue repeats it;
 * a run that was aborted goes back to the queue at once.
 */
export async function runTask(
  task: Task,
  payload: unknown,
  { job, abortSignal }: Pick<JobHelpers, 'job' | 'abortSignal'>,
  { pool, logger, active, recordRun }: RunOptions,
): Promise<void> {
  const jobLogger = logger.child({ task: task.name, job: job.id });
  const worker = job.locked_by ?? '';
  const lost = new AbortController();
  const signal = abortSignal ? AbortSignal.any([abortSignal, lost.signal]) : lost.signal;
  active.set(job.id, { worker, lost, claimedMs: performance.now() });
  try {
    await task.run(task.schema.parse(payload), { signal, logger: jobLogger });
    if (task.schedule !== null) await finishOccurrence(pool, task, job.id);
    recordRun(task.name, 'succeeded');
  } catch (error) {
    if (signal.aborted) {
      recordRun(task.name, 'released');
      await releaseClaims(pool, worker, [job.id]);
    } else {
      const isFinal = isRepeated(task) || job.attempts >= job.max_attempts;
      recordRun(task.name, isFinal ? 'failed' : 'retried');
      jobLogger[isFinal ? 'error' : 'warn'](
        { attempt: job.attempts, max_attempts: job.max_attempts, err: describeFailure(error, payload) },
        'job failed',
      );
      // If this fails too, the job still has attempts left.
      if (isFinal && task.schedule !== null)
        await finishOccurrence(pool, task, job.id).catch(() => undefined);
    }
    throw new Error(summarizeFailure(error, payload));
  } finally {
    active.delete(job.id);
  }
}
