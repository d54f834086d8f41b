import type { Tx } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { RUN_STEP } from './domain/job.ts';
import { countActiveSteps, findReadySteps, lockDispatch, updateStep } from './store.ts';

/** Enough for every plan: no account runs more steps at the same time. */
const MAX_STARTED = 64;

/**
 * A step is ordered as if it had been enqueued this much earlier for each degree of its priority, and for each step fewer
 * that its account has in the queue already. It overtakes the steps of the last seconds, but never starves one that has
 * waited longer.
 */
const HEAD_START_MS = 10_000;
const MAX_PRIORITY = 10;
/** From this number on, the steps of an account are equal. */
const MAX_COUNTED = 8;

/**
 * Enqueues the steps of an account that may start, at most as many as its plan runs at the same time. The other steps wait
 * outside of the queue, so that an account with many jobs does not delay another: each step that ends lets the next one
 * line up behind the steps of all others. The first steps of an account come before the many of another one, even if those
 * fill the queue.
 */
export async function dispatchSteps(tx: Tx, accountId: string, now: Date): Promise<void> {
  await lockDispatch(tx, accountId);
  let active = await countActiveSteps(tx, accountId);
  for (const step of await findReadySteps(tx, accountId, MAX_STARTED)) {
    if (active >= step.maxParallel) return;
    active += 1;
    const { generationId, key } = step;
    await updateStep(tx, step, { status: 'queued' });
    const lead = Math.min(step.priority, MAX_PRIORITY) + Math.max(0, MAX_COUNTED - active);
    await enqueue(
      tx,
      RUN_STEP,
      { generationId, step: key, accountId },
      { runAt: new Date(now.getTime() - lead * HEAD_START_MS), maxAttempts: 10 },
    );
  }
}
