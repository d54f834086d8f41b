import type pg from 'pg';
import { renewClaims } from './claims.ts';

/** A job that runs in this process. */
export type ActiveRun = {
  readonly worker: string;
  /** Aborted when the claim on the job was lost. */
  readonly lost: AbortController;
  /** When the claim was last known to be good, on the monotonic clock. */
  claimedMs: number;
};

export const workersOf = (active: ReadonlyMap<string, ActiveRun>) => [
  ...new Set([...active.values()].map(({ worker }) => worker)),
];

/** Renews the claims on the jobs that run in this process. */
export async function renewRuns(pool: pg.Pool, active: ReadonlyMap<string, ActiveRun>): Promise<void> {
  const runs = [...active];
  const startedMs = performance.now();
  for (const worker of workersOf(active)) {
    await renewClaims(
      pool,
      worker,
      runs.map(([id]) => id),
    );
  }
  for (const [, run] of runs) run.claimedMs = startedMs;
}

/** Another replica may have taken over a job whose claim could not be renewed in time. */
export function abortLostRuns(active: ReadonlyMap<string, ActiveRun>, claimMs: number): void {
  for (const { claimedMs, lost } of active.values()) {
    if (performance.now() - claimedMs > claimMs) lost.abort(new Error('The claim on the job was lost.'));
  }
}
