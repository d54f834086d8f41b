import { z } from 'zod';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { FAN_OUT_TASK, MAX_DELIVERY_ATTEMPTS } from '#libs/outbox/deliveries.ts';
import { type FanOutOptions, fanOut } from './fan-out.ts';
import { type WatchOptions, watchTasks } from './watch-jobs.ts';

export function alertTasks(options: FanOutOptions & WatchOptions): Task[] {
  return [
    defineTask({
      name: FAN_OUT_TASK,
      schema: z.object({ eventId: z.uuid(), accountId: z.uuid().nullable() }),
      maxAttempts: MAX_DELIVERY_ATTEMPTS,
      run: ({ eventId }) => fanOut(eventId, options),
    }),
    ...watchTasks(options),
  ];
}
