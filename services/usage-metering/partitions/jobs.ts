import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { ensurePartitions } from './store.ts';

/** Enough that a task which fails for weeks does no harm. */
const MONTHS_AHEAD = 4;
const EVERY_SECONDS = 3_600;

/** `ensure-partitions` creates the partitions of usage rows for the coming months. */
export function partitionTasks({ database, clock }: { database: Database; clock: Clock }): Task[] {
  return [
    defineTask({
      name: 'ensure-partitions',
      schedule: { everySeconds: EVERY_SECONDS },
      run: async (_, { logger }) => {
        const created = await ensurePartitions(database, clock.now(), MONTHS_AHEAD);
        if (created > 0) logger.info({ created }, 'usage partitions created');
      },
    }),
  ];
}
