import { z } from 'zod';
import { type Database, transaction } from '#libs/db/database.ts';
import { summarizeFailure } from '#libs/jobs/failure.ts';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type Attempt, type Channels, DELIVERY_TASK, MAX_DELIVERY_ATTEMPTS } from './deliveries.ts';
import { enqueueDelivery } from './enqueue-delivery.ts';
import { requestedPause } from './retries.ts';
import { beginAttempt, deleteDelivered, markDelivered, markFailed } from './store.ts';

const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

export type OutboxOptions = { database: Database; channels: Channels; clock: Clock };

/** A task that delivers on the channels of one service, except to receivers of customers. */
export function deliveryTask(name: string, options: OutboxOptions): Task {
  return defineTask({
    name,
    schema: z.object({ deliveryId: z.uuid(), accountId: z.uuid().nullable() }),
    maxAttempts: MAX_DELIVERY_ATTEMPTS,
    run: async ({ deliveryId }, context) => {
      const attempt = await beginAttempt(options.database, deliveryId);
      if (attempt !== null) await deliverOrRepeat(attempt, options, context);
    },
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

/** Rejects when the attempt fails, so that the queue repeats it, unless the receiver asked for a pause. */
async function deliverOrRepeat(attempt: Attempt, options: OutboxOptions, context: JobContext): Promise<void> {
  const { event, delivery } = attempt;
  const { database, channels, clock } = options;
  try {
    await deliver(attempt, channels, context);
    await markDelivered(database, [delivery.id], clock.now());
  } catch (error) {
    if (context.signal.aborted) throw error;
    const isLast = delivery.attempts >= MAX_DELIVERY_ATTEMPTS;
    const lastError = summarizeFailure(error, event.payload);
    const pauseMs = isLast ? null : requestedPause(error);
    const nextAttemptAt = pauseMs === null ? null : new Date(clock.now().getTime() + pauseMs);
    await transaction(database, async (tx) => {
      await markFailed(tx, delivery.id, { status: isLast ? 'dead' : 'pending', lastError, nextAttemptAt });
      if (nextAttemptAt !== null)
        await enqueueDelivery(tx, { ...delivery, accountId: event.accountId }, nextAttemptAt);
    });
    if (nextAttemptAt === null) throw error;
  }
}

/** Makes one attempt. A process that dies before it records the success delivers again, with the same id. */
export async function deliver(
  { event, delivery }: Attempt,
  channels: Channels,
  context: JobContext,
): Promise<void> {
  const channel = channels[delivery.channel];
  if (channel === undefined) throw new Error(`There is no channel "${delivery.channel}".`);
  await channel(event, delivery, context);
}
