import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { deleteDocumentsBefore, findAccountsWithDocuments } from './store.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

export type DocumentTaskOptions = {
  database: Database;
  clock: Clock;
  entitlements: Pick<AccountEntitlements, 'get'>;
};

/** Deletes documents that the plan of their account keeps no longer, counted from their last change. */
export function documentTasks({ database, clock, entitlements }: DocumentTaskOptions): Task[] {
  return [
    defineTask({
      name: 'delete-expired-documents',
      schedule: { cron: '41 3 * * *' },
      run: async (_payload, { logger, signal }) => {
        const now = clock.now().getTime();
        let deleted = 0;
        for (const accountId of await findAccountsWithDocuments(database, new Date(now - DAY_MS))) {
          if (signal.aborted) break;
          const { value: days } = (await entitlements.get(accountId)).retentionDays;
          if (days === null) continue;
          deleted += await deleteDocumentsBefore(database, accountId, new Date(now - days * DAY_MS));
        }
        logger.info({ deleted }, 'expired documents deleted');
      },
    }),
  ];
}
