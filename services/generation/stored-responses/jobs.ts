import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { purgeStoredResponses } from './store.ts';

export function storedResponseTasks({ database }: { database: Database }): Task[] {
  return [
    defineTask({
      name: 'purge-stored-responses',
      schedule: { cron: '17 * * * *' },
      run: async (_payload, { logger }) => {
        const purged = await purgeStoredResponses(database);
        logger.info({ purged }, 'stored responses purged');
      },
    }),
  ];
}
