import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';

const INTERVAL_MS = 500;

/** Looks for changes that accounts have still to be brought in line with, also such as another process has left. */
export function createRolloutJob(options: {
  run: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
}): PeriodicJob {
  return createPeriodicJob({ name: 'run rollouts', intervalMs: INTERVAL_MS, ...options });
}
