import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { deleteOldInvitations } from './invitations-store.ts';

export function memberTasks({ database, now }: { database: Database; now: Clock['now'] }): Task[] {
  return [
    defineTask({
      name: 'delete-old-invitations',
      schedule: { cron: '23 4 * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteOldInvitations(database, now());
        if (count > 0) logger.info({ count }, 'old invitations deleted');
      },
    }),
  ];
}
