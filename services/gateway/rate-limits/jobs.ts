import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { deleteExpiredStreamSlots } from '#libs/service/stream-slots.ts';
import { deleteEndedCounters } from './store.ts';

export function rateLimitTasks({ database }: { database: Database }): Task[] {
  return [
    defineTask({
      name: 'delete-ended-rate-limits',
      schedule: { cron: '23 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteEndedCounters(database);
        if (count > 0) logger.info({ count }, 'ended rate limits deleted');
      },
    }),
    defineTask({
      name: 'delete-expired-stream-slots',
      schedule: { cron: '29 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteExpiredStreamSlots(database);
        if (count > 0) logger.info({ count }, 'expired stream slots deleted');
      },
    }),
  ];
}
