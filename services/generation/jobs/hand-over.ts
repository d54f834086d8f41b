/** When a service stops, the steps that it has not finished continue in another process. */
import { transaction } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import type { Repair } from '#libs/pipelines/content/prompt.ts';
import type { ContentStep } from '#libs/pipelines/content/step.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import type { ActiveRequest } from '../requests/domain/active-requests.ts';
import type { JobOptions, StepReference } from './commit.ts';
import { RUN_STEP } from './domain/job.ts';
import { findSteps, lockGeneration, updateStep } from './store.ts';

/** Ends the run of a queued job, which returns to the queue because the service stops. */
export class StepHandedOver extends Error {
  override readonly name = 'StepHandedOver';
  constructor() {
    super('The service stops. Another process continues the step.');
  }
}

/** Whether a call was refused before anything of it was sent, because the service stops. */
export function isUnsentAtShutdown(error: unknown, active: ActiveRequest | undefined): boolean {
  const isRefused = error instanceof ProblemError && error.code === 'service_unavailable';
  return isRefused && active?.reason() === 'shutdown';
}

/** What the second call of a step makes of an answer that the shutdown cut; undefined if nothing had arrived. */
export function repairOfCut({ spec }: Pick<ContentStep, 'spec'>, text: string): Repair | undefined {
  if (text.trim() === '') return undefined;
  return spec.kind === 'json'
    ? { draft: text, kind: 'correct', problems: ['It was cut off. Give it again, complete.'] }
    : { draft: text, kind: 'continue', problems: [] };
}

/** Pauses before a step is run again whose provider cannot be reached, as multiples of the pause between attempts. */
const OUTAGE_PAUSES = [20, 40, 80];

/** Whether a step whose provider cannot be reached may wait again. @param timesPutOff how often it has waited. */
export function mayPutOff(timesPutOff: number): boolean {
  return timesPutOff < OUTAGE_PAUSES.length;
}

/** Runs a step later, because no model of its call could be reached: after 10, 20 and 40 seconds with the default settings. */
export async function putOffStep(
  { database, runtime }: JobOptions,
  { generationId, key }: StepReference,
  { timesPutOff, baseDelayMs }: { timesPutOff: number; baseDelayMs: number },
): Promise<void> {
  await transaction(database, async (tx) => {
    if ((await lockGeneration(tx, generationId)) === undefined) return;
    const own = (await findSteps(tx, generationId)).find((step) => step.key === key);
    if (own?.status !== 'running') return;
    await updateStep(tx, own, { status: 'queued', callsStarted: own.callsSettled });
    const pauseMs = (OUTAGE_PAUSES[timesPutOff] ?? 0) * baseDelayMs;
    await enqueue(
      tx,
      RUN_STEP,
      { generationId, step: key, accountId: own.accountId, timesPutOff: timesPutOff + 1 },
      { runAt: new Date(runtime.clock.now().getTime() + pauseMs), maxAttempts: 10 },
    );
  });
}

/**
 * Returns a step to the queue. Its settled calls stay, and the next claim runs those that are left.
 *
 * @returns false if the step has ended.
 */
export async function handOverStep(
  { database }: JobOptions,
  { generationId, key }: StepReference,
): Promise<boolean> {
  return transaction(database, async (tx) => {
    if ((await lockGeneration(tx, generationId)) === undefined) return false;
    const own = (await findSteps(tx, generationId)).find((step) => step.key === key);
    if (own?.status === 'running')
      await updateStep(tx, own, { status: 'queued', callsStarted: own.callsSettled });
    return own?.status === 'running' || own?.status === 'queued';
  });
}
