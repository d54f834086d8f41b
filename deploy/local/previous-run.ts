import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { takeLock } from '#libs/embedded/lock-file.ts';
import { isAlive, type ProcessIdentity } from '#libs/embedded/process-identity.ts';

const POLL_INTERVAL_MS = 50;
const GRACE_MS = 5_000;

export type Run = {
  /** Records the processes of this run on disk, for the next start in case this one is killed. */
  record: (processes: ProcessIdentity[]) => void;
  /** Ends the run, so that another may start. */
  release: () => void;
};

function readProcesses(file: string): ProcessIdentity[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity[];
  } catch {
    return [];
  }
}

/** Waits until the processes of a killed supervisor have ended, and kills them after a while. */
async function waitForLeftovers(processes: ProcessIdentity[]): Promise<void> {
  const deadline = AbortSignal.timeout(GRACE_MS);
  for (;;) {
    const left = processes.filter(isAlive);
    if (left.length === 0) return;
    if (deadline.aborted) for (const { pid } of left) process.kill(pid, 'SIGKILL');
    await delay(POLL_INTERVAL_MS);
  }
}

/**
 * Locks a data folder for this run.
 *
 * @throws Error naming the other run when one is alive.
 */
export async function beginRun(folder: string): Promise<Run> {
  const lock = takeLock(path.join(folder, 'run.lock'));
  if ('heldBy' in lock) {
    throw new Error(
      `Inkmeter already runs on ${folder} (process ${lock.heldBy.pid}). Stop it with Ctrl-C in its terminal, or choose another DATA_FOLDER and other ports.`,
    );
  }
  const file = path.join(folder, 'run.json');
  await waitForLeftovers(readProcesses(file));
  return {
    record: (processes) => writeFileSync(file, JSON.stringify(processes), { mode: 0o600 }),
    release: () => {
      rmSync(file, { force: true });
      lock.release();
    },
  };
}
