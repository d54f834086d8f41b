import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { deleteOldResponses } from './store.ts';

export function responseTasks({ database, now }: { database: Database; now: () => Date }): Task[] {
  return [
    defineTask({
      name: 'delete-old-model-responses',
      schedule: { cron: '*/10 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteOldResponses(database, now());
        if (count > 0) logger.info({ count }, 'old model responses deleted');
      },
    }),
  ];
}
