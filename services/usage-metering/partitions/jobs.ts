import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { Storage } from '#libs/storage/storage.ts';
import { dayOf } from '../usage/domain/usage-report.ts';
import { storeMonth, verifyArchive } from './archive.ts';
import { detachMonth, listPartitionsBefore } from './archive-store.ts';
import { ensurePartitions } from './store.ts';

/** Enough that a task which fails for weeks does no harm. */
const MONTHS_AHEAD = 4;
const EVERY_SECONDS = 3_600;

export type PartitionTaskOptions = {
  database: Database;
  clock: Clock;
  storage: Storage;
  /** Months before the current one that stay in the database; null for all. */
  retentionMonths: number | null;
};

/**
 * `ensure-partitions` creates the partitions of usage rows for the coming months. `archive-usage` moves those that are older
 * than the retention to files.
 */
export function partitionTasks(options: PartitionTaskOptions): Task[] {
  const { database, clock, storage, retentionMonths } = options;
  return [
    defineTask({
      name: 'ensure-partitions',
      schedule: { everySeconds: EVERY_SECONDS },
      run: async (_, { logger }) => {
        const created = await ensurePartitions(database, clock.now(), MONTHS_AHEAD);
        if (created > 0) logger.info({ created }, 'usage partitions created');
      },
    }),
    defineTask({
      name: 'archive-usage',
      schedule: { cron: '30 2 * * *' },
      run: async (_, { signal, logger }) => {
        if (retentionMonths === null) return;
        for (const month of await listPartitionsBefore(database, firstKept(clock.now(), retentionMonths))) {
          const archive = await storeMonth({ database, storage }, month, clock.now(), signal);
          await verifyArchive(storage, archive);
          const isDetached = await detachMonth(database, month, archive.rows, clock.now());
          const { rows, bytes } = archive;
          if (isDetached) logger.info({ month, rows, bytes }, 'usage archived');
          // Rows were added meanwhile, or the month is too recent; the next run stores it again.
          else logger.warn({ month, rows }, 'usage stored and kept');
        }
      },
    }),
  ];
}

function firstKept(now: Date, retentionMonths: number): string {
  return dayOf(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - retentionMonths, 1)));
}
