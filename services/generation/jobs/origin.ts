/** What asked for a job, other than a client: the run of an autopilot, or a message of the inbox. */
import type { Tx } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { emit } from '#libs/outbox/emit.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { FINISH_RUN } from '../autopilots/domain/autopilot.ts';
import { contextOf, type GenerationRow, isFinal } from './domain/job.ts';
import { claimRun, setDraft } from './store.ts';

/** Links a new job to what asked for it. @throws ProblemError `conflict` for a run that has a job. */
export async function linkOrigin(tx: Tx, row: GenerationRow): Promise<void> {
  const { autopilot, message } = contextOf(row).inputs ?? {};
  if (autopilot !== undefined && !(await claimRun(tx, row.accountId, autopilot.run_id, row.id)))
    throw problem('conflict', { detail: 'The run has a job already, or has ended.' });
  if (message !== undefined) await setDraft(tx, row.accountId, message.id, row.id);
}

/** Lets what asked for a job that has ended go on. */
export async function notifyOrigin(
  tx: Tx,
  row: GenerationRow,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
): Promise<void> {
  if (!isFinal(row.status) || row.finishedAt === null) return;
  const { autopilot, message } = contextOf(row).inputs ?? {};
  const { id, accountId, status } = row;
  if (autopilot !== undefined)
    await enqueue(tx, FINISH_RUN, { runId: autopilot.run_id, accountId }, { jobKey: autopilot.run_id });
  if (message === undefined) return;
  const payload = { message_id: message.id, generation_id: id, status };
  const type = 'inbox.message_drafted';
  await emit(tx, { id: newId(), type, accountId, payload, createdAt: clock.now() }, newId);
}
