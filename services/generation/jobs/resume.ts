/** Jobs continue here: after a failure, a cancellation, or the approval of their outline. */
import type { OutlineApproval } from '#libs/contracts/content-inputs.ts';
import type { ArticleOutline } from '#libs/contracts/generate.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { OUTLINE } from '#libs/pipelines/content/blog.ts';
import { problem } from '#libs/problems/problems.ts';
import type { JobOptions } from './commit.ts';
import {
  advanced,
  contextOf,
  type GenerationRow,
  jobOf,
  type StepRow,
  type StepStatus,
} from './domain/job.ts';
import { passageWarnings } from './domain/moderated-texts.ts';
import { extendHold } from './job-hold.ts';
import {
  deleteSteps,
  findSteps,
  insertSteps,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';
import { begin, callsByStep, callsOf, type JobHead, MAX_PARALLEL } from './submit.ts';

/** An approval with the outline as its owner edited it; without one, it stays as it was written. */
export type Approval = OutlineApproval & { readonly outline?: ArticleOutline };

/**
 * Continues a job. Steps that succeeded are kept; the others run under a new hold.
 *
 * @param approval for a job that waits for it.
 * @throws ProblemError `not_found`; `conflict` for a job of another status.
 */
export async function resumeJob(
  options: JobOptions,
  head: JobHead,
  id: string,
  approval?: Approval,
): Promise<GenerationRow> {
  const { requestId: holdId, caller, plan, terms, traceparent } = head;
  return transaction(options.database, async (tx) => {
    const row = await lockGeneration(tx, id);
    if (row === undefined || row.accountId !== caller.accountId) throw problem('not_found');
    if (row.holdId === holdId) return row;
    if (row.holdId !== null || !isResumable(row, approval))
      throw problem('conflict', { detail: `The job is ${row.status}.` });
    const changes = {
      status: 'queued' as const,
      holdId,
      holdExpiresAt: await extendHold(options, tx, head),
      error: null,
      finishedAt: null,
      ...(terms && { maxParallel: Math.min(MAX_PARALLEL, terms.maxParallel), priority: terms.priority }),
      context: {
        ...contextOf(row),
        ...{ traceparent },
        ...(approval && { approval: { sections: approval.sections } }),
      },
    };
    const resumed = await updateGeneration(tx, row, changes, options.runtime.clock.now());
    if (approval?.outline !== undefined)
      await updateStep(tx, { generationId: id, key: OUTLINE }, { output: { json: approval.outline } });
    await replaceOpenSteps(tx, resumed, holdId, callsByStep(plan.calls));
    await begin(tx, resumed, options.runtime);
    return resumed;
  });
}

function isResumable({ status }: GenerationRow, approval: Approval | undefined): boolean {
  return approval === undefined ? status === 'failed' || status === 'cancelled' : status === 'needs_approval';
}

/** An edited outline may have another number of sections, so that the steps that are left are others. */
async function replaceOpenSteps(
  tx: Tx,
  row: GenerationRow,
  holdId: string,
  calls: ReturnType<typeof callsByStep>,
): Promise<void> {
  const { id: generationId, accountId } = row;
  const before = new Map((await findSteps(tx, generationId)).map((step) => [step.key, step]));
  const { steps } = jobOf(row);
  const isDone = (step: StepRow | undefined) => step?.status === 'succeeded';
  const statuses = advanced(
    steps,
    new Map(steps.map(({ key }) => [key, isDone(before.get(key)) ? 'succeeded' : 'waiting'])),
  );
  const open = steps.flatMap(({ key }, position) => {
    const old = before.get(key);
    if (isDone(old)) return [];
    const fresh = {
      ...{ generationId, accountId, key, position, holdId },
      status: statuses.get(key) as StepStatus,
      calls: callsOf(calls, key),
      callsStarted: 0,
      callsSettled: 0,
      ...(position === 0 && { warnings: passageWarnings(contextOf(row).inputs ?? {}) }),
    };
    // What it cost before stays part of its figures.
    return [{ ...fresh, costNanoUsd: old?.costNanoUsd ?? 0n, tokens: old?.tokens ?? 0 }];
  });
  await deleteSteps(
    tx,
    generationId,
    [...before.values()].filter((step) => !isDone(step)).map(({ key }) => key),
  );
  await insertSteps(tx, open);
}
