import { z } from 'zod';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { FAN_OUT_MANY_TASK, FAN_OUT_TASK, MAX_DELIVERY_ATTEMPTS } from '#libs/outbox/deliveries.ts';
import { slackContext } from './domain/preferences.ts';
import { type FanOutOptions, fanOut } from './fan-out.ts';
import { listSlackSealedOtherwise, replaceSlackUrl } from './store.ts';
import { type WatchOptions, watchTasks } from './watch-jobs.ts';

export type AlertTaskOptions = FanOutOptions & WatchOptions & { secretBox: SecretBox };

export function alertTasks(options: AlertTaskOptions): Task[] {
  return [
    defineTask({
      name: FAN_OUT_TASK,
      schema: z.object({ eventId: z.uuid(), accountId: z.uuid().nullable() }),
      maxAttempts: MAX_DELIVERY_ATTEMPTS,
      run: ({ eventId }, { logger }) => fanOut([eventId], options, logger),
    }),
    defineTask({
      name: FAN_OUT_MANY_TASK,
      schema: z.object({ eventIds: z.array(z.uuid()) }),
      maxAttempts: MAX_DELIVERY_ATTEMPTS,
      run: ({ eventIds }, { logger }) => fanOut(eventIds, options, logger),
    }),
    defineTask({
      name: 'encrypt-slack-addresses',
      schedule: { cron: '*/15 * * * *' },
      run: async (_, { logger }) => {
        const encrypted = await encryptAddresses(options);
        if (encrypted > 0) logger.info({ addresses: encrypted }, 'slack addresses encrypted');
      },
    }),
    ...watchTasks(options),
  ];
}

/** Encrypts with the first key what is in plain text, or was encrypted with another key. @returns how many. */
async function encryptAddresses({
  database,
  secretBox,
}: Pick<AlertTaskOptions, 'database' | 'secretBox'>): Promise<number> {
  const settings = await listSlackSealedOtherwise(database, secretBox.prefix);
  for (const { slackUrl, ...key } of settings) {
    if (slackUrl === null) continue;
    const context = slackContext(key);
    const sealed = secretBox.seal(secretBox.open(slackUrl, context), context);
    await replaceSlackUrl(database, key, slackUrl, sealed);
  }
  return settings.length;
}
