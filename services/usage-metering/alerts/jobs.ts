import { z } from 'zod';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { sealAgainTask } from '#libs/jobs/seal-again.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { FAN_OUT_MANY_TASK, FAN_OUT_TASK, MAX_DELIVERY_ATTEMPTS } from '#libs/outbox/deliveries.ts';
import { slackContext } from './domain/preferences.ts';
import { type FanOutOptions, fanOut } from './fan-out.ts';
import { listSlackSealedOtherwise, replaceSlackUrl } from './store.ts';
import { type WatchOptions, watchTasks } from './watch-jobs.ts';

export type AlertTaskOptions = FanOutOptions & WatchOptions & { secretBox: SecretBox };

export function alertTasks(options: AlertTaskOptions): Task[] {
  const { database, secretBox } = options;
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
    sealAgainTask({
      name: 'encrypt-slack-addresses',
      list: () => listSlackSealedOtherwise(database, secretBox.prefix),
      seal: ({ slackUrl, ...key }) =>
        replaceSlackUrl(database, key, slackUrl, secretBox.sealAgain(slackUrl, slackContext(key))),
    }),
    ...watchTasks(options),
  ];
}
