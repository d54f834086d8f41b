import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { deleteExpiredTokens } from './store.ts';

const RETENTION_MS = 24 * 60 * 60 * 1000;

export function sessionTokenTasks({ database, now }: { database: Database; now: () => Date }): Task[] {
  return [
    defineTask({
      name: 'delete-expired-session-tokens',
      schedule: { cron: '41 * * * *' },
      run: async (_, { logger }) => {
        const deleted = await deleteExpiredTokens(database, new Date(now().getTime() - RETENTION_MS));
        if (deleted > 0) logger.info({ deleted }, 'expired session tokens deleted');
      },
    }),
  ];
}
