import { transaction } from '#libs/db/database.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import { problem } from '#libs/problems/problems.ts';
import { closingEvents, emitJobEvent, type JobOptions } from './commit.ts';
import { resolveCopies } from './copies-store.ts';
import { dispatchSteps } from './dispatch.ts';
import { cancelled, type GenerationRow, isFinal, isIdle, statusesOf } from './domain/job.ts';
import {
  deleteGeneration,
  findOverdue,
  findSteps,
  insertEvents,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';

/**
 * Cancels a job. Steps that run are aborted by the processes that run them, which also close the hold; all others end now.
 *
 * @throws ProblemError `not_found`; `conflict` for a job that has completed or failed.
 */
export async function cancelJob(options: JobOptions, accountId: string, id: string): Promise<GenerationRow> {
  const row = await endJob(options, id, 'cancelled', null, (found) => {
    if (found.accountId !== accountId) throw problem('not_found');
    if (found.status === 'cancelled') return false;
    if (isFinal(found.status)) throw problem('conflict', { detail: `The job has ${found.status}.` });
    return true;
  });
  if (row === undefined) throw problem('not_found');
  return row;
}

/** Deletes a job that has ended. @throws ProblemError `not_found`; `conflict` for a job that has not ended. */
export async function removeJob({ database }: JobOptions, accountId: string, id: string): Promise<void> {
  await transaction(database, async (tx) => {
    const row = await lockGeneration(tx, id);
    if (row === undefined || row.accountId !== accountId) throw problem('not_found');
    if (row.finishedAt === null)
      throw problem('conflict', { detail: `The job is ${row.status}. Cancel it first.` });
    await deleteGeneration(tx, id);
  });
}

const OVERDUE_BATCH = 100;
const OVERDUE: GenerationFailure = {
  code: 'service_unavailable',
  detail: 'The job was not completed before its hold expired. Retry it.',
};

/** Fails the jobs whose hold ends soon, and releases what it has left. Steps that run end before by themselves. */
export async function failOverdueJobs(options: JobOptions, marginMs: number): Promise<string[]> {
  const before = new Date(options.runtime.clock.now().getTime() + marginMs);
  const overdue = await findOverdue(options.database, before, OVERDUE_BATCH);
  for (const { id } of overdue)
    await endJob(options, id, 'failed', OVERDUE, ({ status }) => !isFinal(status));
  return overdue.map(({ id }) => id);
}

/** @returns the job as it is then; undefined if there is none. */
async function endJob(
  { database, ledger, runtime }: JobOptions,
  id: string,
  status: 'cancelled' | 'failed',
  error: GenerationFailure | null,
  mayEnd: (row: GenerationRow) => boolean,
): Promise<GenerationRow | undefined> {
  return transaction(database, async (tx) => {
    const row = await lockGeneration(tx, id);
    if (row === undefined || !mayEnd(row)) return row;
    const now = runtime.clock.now();
    const rows = await findSteps(tx, id);
    const statuses = cancelled(statusesOf(rows));
    const idle = isIdle(statuses);
    if (idle && row.holdId !== null) await ledger.close({ holdId: row.holdId, accountId: row.accountId }, tx);
    const changes = {
      status,
      error,
      copyOf: null,
      ...(idle && { holdId: null, holdExpiresAt: null, finishedAt: now }),
    };
    const ended = await updateGeneration(tx, row, changes, now);
    for (const one of rows) {
      const next = statuses.get(one.key);
      if (next !== undefined && next !== one.status)
        await updateStep(tx, one, { status: next, finishedAt: now });
    }
    await resolveCopies(tx, ended);
    await insertEvents(tx, ended, [{ type: 'status', data: { status, percent: row.percent } }], now);
    await insertEvents(tx, ended, closingEvents(ended), now);
    await emitJobEvent(tx, ended, `generation.${status}`, runtime);
    await dispatchSteps(tx, row.accountId, now);
    return ended;
  });
}
