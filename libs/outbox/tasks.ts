import { z } from 'zod';
import { type Database, transaction } from '#libs/db/database.ts';
import { summarizeFailure } from '#libs/jobs/failure.ts';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import {
  type Channels,
  DELIVERY_TASK,
  type DeliveryRow,
  type EventRow,
  MAX_DELIVERY_ATTEMPTS,
  PermanentDeliveryError,
  WEBHOOK_TASK,
} from './deliveries.ts';
import { enqueueDelivery } from './enqueue-delivery.ts';
import { hasOwnPauses, pauseAfter } from './retries.ts';
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
    deliveryTask(WEBHOOK_TASK, options),
  ];
}

async function deliver(deliveryId: string, options: OutboxOptions, context: JobContext): Promise<void> {
  const { database, channels, clock } = options;
  const attempt = await beginAttempt(database, deliveryId);
  if (attempt === null) return;
  const { event, delivery } = attempt;
  try {
    const channel = channels[delivery.channel];
    if (channel === undefined) throw new Error(`There is no channel "${delivery.channel}".`);
    await channel(event, delivery, context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    return await handleFailure(error, attempt, options);
  }
  // A process that dies here delivers again, with the same id.
  await markDelivered(database, deliveryId, clock.now());
}

/** Plans the next attempt, or rejects so that the queue does. */
async function handleFailure(
  error: unknown,
  { event, delivery }: { event: EventRow; delivery: DeliveryRow },
  { database, clock }: OutboxOptions,
): Promise<void> {
  const { id, channel, attempts } = delivery;
  const lastError = summarizeFailure(error, event.payload);
  if (!hasOwnPauses(channel)) {
    const status = attempts >= MAX_DELIVERY_ATTEMPTS ? 'dead' : 'pending';
    await markFailed(database, id, { status, lastError, nextAttemptAt: null });
    throw error;
  }
  const pauseMs = error instanceof PermanentDeliveryError ? null : pauseAfter(channel, attempts);
  if (pauseMs === null) {
    await markFailed(database, id, { status: 'dead', lastError, nextAttemptAt: null });
    return;
  }
  const nextAttemptAt = new Date(clock.now().getTime() + pauseMs);
  await transaction(database, async (tx) => {
    await markFailed(tx, id, { status: 'pending', lastError, nextAttemptAt });
    await enqueueDelivery(tx, { ...delivery, accountId: event.accountId }, nextAttemptAt);
  });
}
