/** When a service stops, the steps that it has not finished continue in another process. */
import { transaction } from '#libs/db/database.ts';
import type { Repair } from '#libs/pipelines/content/prompt.ts';
import type { ContentStep } from '#libs/pipelines/content/step.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import type { ActiveRequest } from '../requests/domain/active-requests.ts';
import type { JobOptions, StepReference } from './commit.ts';
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
