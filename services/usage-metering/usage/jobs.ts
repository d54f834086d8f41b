import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { totalDailyUsage } from '#libs/ledger/total-daily.ts';

const EVERY_SECONDS = 10;

/** `total-daily-usage` adds settled usage to the daily totals. Readers add what still waits, so figures never lag. */
export function usageTasks({ database }: { database: Database }): Task[] {
  return [
    defineTask({
      name: 'total-daily-usage',
      schedule: { everySeconds: EVERY_SECONDS },
      run: async () => {
        await totalDailyUsage(database);
      },
    }),
  ];
}
