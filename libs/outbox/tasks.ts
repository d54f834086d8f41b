import { z } from 'zod';
import type { Database } from '#libs/db/database.ts';
import { summarizeFailure } from '#libs/jobs/failure.ts';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type Channels, DELIVERY_TASK, MAX_DELIVERY_ATTEMPTS } from './deliveries.ts';
import { beginAttempt, deleteDelivered, markDelivered, markFailed } from './store.ts';

const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

export type OutboxOptions = { database: Database; channels: Channels; clock: Clock };

/** A task that delivers on the channels of one service. */
export function deliveryTask(name: string, options: OutboxOptions): Task {
  return defineTask({
    name,
    schema: z.object({ deliveryId: z.uuid(), accountId: z.uuid().nullable() }),
    maxAttempts: MAX_DELIVERY_ATTEMPTS,
    run: ({ deliveryId }, context) => deliver(deliveryId, options, context),
  });
}

/** The tasks that deliver events and delete old ones. One service runs them, with the rights to the outbox's tables. */
export function outboxTasks(options: OutboxOptions): Task[] {
  const { database, clock } = options;
  return [
    deliveryTask(DELIVERY_TASK, options),
    defineTask({
      name: 'delete-delivered-events',
      schedule: { cron: '17 3 * * *' },
      run: async (_, { logger }) => {
        const deleted = await deleteDelivered(database, new Date(clock.now().getTime() - RETENTION_MS));
        if (deleted > 0) logger.info({ deleted }, 'delivered events deleted');
      },
    }),
  ];
}

async function deliver(
  deliveryId: string,
  { database, channels, clock }: OutboxOptions,
  context: JobContext,
): Promise<void> {
  const attempt = await beginAttempt(database, deliveryId);
  if (attempt === null) return;
  const { event, delivery } = attempt;
  try {
    const channel = channels[delivery.channel];
    if (channel === undefined) throw new Error(`There is no channel "${delivery.channel}".`);
    await channel(event, delivery, context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    const status = delivery.attempts >= MAX_DELIVERY_ATTEMPTS ? 'dead' : 'pending';
    await markFailed(database, deliveryId, status, summarizeFailure(error, event.payload));
    throw error;
  }
  // A process that dies here delivers again, with the same id.
  await markDelivered(database, deliveryId, clock.now());
}
