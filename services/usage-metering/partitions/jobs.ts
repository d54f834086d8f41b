import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Clock } from '#libs/service/runtime.ts';

/** Far enough ahead that a job which fails for weeks still costs nothing. */
const MONTHS_AHEAD = 4;

/** Makes the partitions of usage rows for the coming months before they are needed. */
export function createPartitionJob(options: {
  /** Returns how many partitions it made. */
  ensurePartitions: (from: Date, months: number) => Promise<number>;
  clock: Clock;
  intervalMs: number;
  logger: Logger;
}): PeriodicJob {
  const { ensurePartitions, clock, intervalMs, logger } = options;
  return createPeriodicJob({
    name: 'maintain-partitions',
    intervalMs,
    logger,
    run: async () => {
      const created = await ensurePartitions(clock.now(), MONTHS_AHEAD);
      if (created > 0) logger.info({ created }, 'partitions of usage rows created');
    },
  });
}
