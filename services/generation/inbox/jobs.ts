import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { deleteMessage, findAccountsWithMessages, findMessagesBefore } from './store.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const BATCH = 1_000;
/** For plans without a retention: messages are personal data. */
const DEFAULT_RETENTION_DAYS = 365;

export type InboxTaskOptions = {
  database: Database;
  clock: Clock;
  entitlements: Pick<AccountEntitlements, 'get'>;
};

/** Deletes messages, with their drafts, that the plan of their account keeps no longer, counted from their last change. */
export function inboxTasks({ database, clock, entitlements }: InboxTaskOptions): Task[] {
  return [
    defineTask({
      name: 'delete-expired-inbox-messages',
      schedule: { cron: '47 3 * * *' },
      run: async (_payload, { logger, signal }) => {
        const now = clock.now().getTime();
        let deleted = 0;
        for (const accountId of await findAccountsWithMessages(database, new Date(now - DAY_MS))) {
          if (signal.aborted) break;
          const { value: days } = (await entitlements.get(accountId)).retentionDays;
          const before = new Date(now - (days ?? DEFAULT_RETENTION_DAYS) * DAY_MS);
          const expired = await findMessagesBefore(database, accountId, before, BATCH);
          for (const id of expired) await transaction(database, (tx) => deleteMessage(tx, accountId, id));
          deleted += expired.length;
        }
        logger.info({ deleted }, 'expired inbox messages deleted');
      },
    }),
  ];
}
