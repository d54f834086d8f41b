import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { purgeExpiredKeys } from './store.ts';

export function idempotencyTasks(deps: { database: Database; now: () => Date }): Task[] {
  return [
    defineTask({
      name: 'purge-idempotency-keys',
      schedule: { cron: '*/10 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await purgeExpiredKeys(deps.database, deps.now());
        if (count > 0) logger.info({ count }, 'expired idempotency keys purged');
      },
    }),
  ];
}
