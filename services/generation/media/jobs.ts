import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { MediaOptions } from './media-links.ts';
import { deleteMediaRows, findExpiredMedia } from './store.ts';

const BATCH = 500;

export function mediaTasks({
  database,
  storage,
  runtime,
}: Pick<MediaOptions, 'database' | 'storage' | 'runtime'>): Task[] {
  return [
    defineTask({
      name: 'delete-expired-media',
      schedule: { cron: '23 * * * *' },
      run: async (_payload, { logger, signal }) => {
        let deleted = 0;
        while (!signal.aborted) {
          const files = await findExpiredMedia(database, runtime.clock.now(), BATCH);
          // Files first: a row that is left is found again.
          for (const { storageKey } of files) await storage.delete(storageKey);
          if (files.length > 0)
            await deleteMediaRows(
              database,
              files.map(({ id }) => id),
            );
          deleted += files.length;
          if (files.length < BATCH) break;
        }
        logger.info({ deleted }, 'expired media deleted');
      },
    }),
  ];
}
