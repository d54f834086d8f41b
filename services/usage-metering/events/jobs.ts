import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { EVENT_RETENTION_DAYS } from './domain.ts';
import { deleteEventsBefore } from './store.ts';

/** `delete-old-events` forgets the ids of events that would no longer be accepted. Their usage stays. */
export function eventTasks({ database, clock }: { database: Database; clock: Clock }): Task[] {
  return [
    defineTask({
      name: 'delete-old-events',
      schedule: { cron: '20 3 * * *' },
      run: async (_, { logger }) => {
        const end = new Date(clock.now().getTime() - EVENT_RETENTION_DAYS * 86_400_000);
        const deleted = await deleteEventsBefore(database, end);
        if (deleted > 0) logger.info({ deleted }, 'old events deleted');
      },
    }),
  ];
}
