import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { MediaOptions } from './media-links.ts';
import { createMediaRetention } from './retention.ts';
import { deleteMediaRows, findAccountsWithMedia, findExpiredMedia, setMediaRetention } from './store.ts';

const BATCH = 500;

export function mediaTasks({
  database,
  storage,
  runtime,
  entitlements,
  retentionMs,
}: Omit<MediaOptions, 'publicUrl'>): Task[] {
  const retentionOf = createMediaRetention(entitlements, retentionMs);
  return [
    // An account may have changed its plan since its files were stored.
    defineTask({
      name: 'apply-media-retention',
      schedule: { cron: '11 3 * * *' },
      run: async (_payload, { logger, signal }) => {
        let changed = 0;
        for (const accountId of await findAccountsWithMedia(database)) {
          if (signal.aborted) break;
          changed += await setMediaRetention(database, accountId, await retentionOf(accountId));
        }
        logger.info({ changed }, 'media retention applied');
      },
    }),
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
