/** The end of a run, in the transaction that causes it: the run, its autopilot, and their events. */
import type { Tx } from '#libs/db/database.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type Autopilot, type AutopilotRun, afterRun } from './domain/autopilot.ts';
import { updateRun } from './runs-store.ts';
import { updateAutopilot } from './store.ts';

type EventRuntime = Pick<Runtime, 'clock' | 'newId'>;

/**
 * @param autopilot locked in this transaction.
 * @param changes of the autopilot, in addition to what follows from the outcome.
 */
export async function endRun(
  tx: Tx,
  autopilot: Autopilot,
  run: AutopilotRun & { status: 'completed' | 'failed' | 'refused' },
  runtime: EventRuntime,
  changes: Partial<Autopilot> = {},
): Promise<void> {
  const { status, problem, posts, finishedAt } = run;
  await updateRun(tx, run.id, { status, problem, posts, finishedAt });
  const next = { ...autopilot, ...afterRun(autopilot, status), ...changes };
  const { failures, status: state, pauseReason, nextRunAt } = next;
  await updateAutopilot(tx, autopilot.id, { failures, status: state, pauseReason, nextRunAt });
  await emitFinished(tx, run, runtime);
  if (state === 'paused' && autopilot.status === 'active') await emitPaused(tx, next, problem, runtime);
}

async function emitFinished(tx: Tx, run: AutopilotRun, { clock, newId }: EventRuntime): Promise<void> {
  const { id, autopilotId, accountId, status, generationId, posts, problem } = run;
  const payload = {
    ...{ autopilot_id: autopilotId, run_id: id, status, generation_id: generationId, posts },
    ...(problem && { problem }),
  };
  const event = { id: newId(), type: 'autopilot.run_finished', accountId, payload } as const;
  await emit(tx, { ...event, createdAt: clock.now() }, newId);
}

/** Notifies the account that an autopilot does not run any more. */
export async function emitPaused(
  tx: Tx,
  { id, accountId, name, pauseReason: reason }: Autopilot,
  problem: Record<string, unknown> | null,
  { clock, newId }: EventRuntime,
): Promise<void> {
  const payload = { autopilot_id: id, name, reason, ...(problem && { problem }) };
  await emit(
    tx,
    { id: newId(), type: 'autopilot.paused', accountId, payload, createdAt: clock.now() },
    newId,
  );
}
