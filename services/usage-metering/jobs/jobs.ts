import type { Database } from '#libs/db/database.ts';
import { deleteFailedJobs } from '#libs/jobs/admin.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';

const RETENTION_MS = 90 * 24 * 60 * 60 * 1000;

/** `delete-failed-jobs` deletes jobs that failed three months ago. */
export function jobTasks({ database, clock }: { database: Database; clock: Clock }): Task[] {
  return [
    defineTask({
      name: 'delete-failed-jobs',
      schedule: { cron: '47 3 * * *' },
      run: async (_, { logger }) => {
        const deleted = await deleteFailedJobs(database, new Date(clock.now().getTime() - RETENTION_MS));
        if (deleted > 0) logger.info({ deleted }, 'failed jobs deleted');
      },
    }),
  ];
}
