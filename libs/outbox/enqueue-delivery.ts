import type { Queryable } from '#libs/db/database.ts';
import { enqueue, enqueueAll } from '#libs/jobs/enqueue.ts';
import { MAX_DELIVERY_ATTEMPTS, RECEIVER_CHANNELS, RECEIVER_TASK, taskOfChannel } from './deliveries.ts';

/** A receiver's address; the account, if it has one, is for staff. */
export type Receiver = { channel: string; target: string; accountId: string | null };

/** `attempts` are those made before, which a job of its own does not repeat. */
export type DeliveryJob = Receiver & { id: string; attempts?: number };

/** Jobs for later are combined within this time. */
const STEP_MS = 1_000;

/**
 * Adds the job of a pending delivery, in the caller's transaction.
 *
 * @param runAt At once unless given. The delivery also needs it as its `nextAttemptAt`.
 */
export async function enqueueDelivery(db: Queryable, delivery: DeliveryJob, runAt?: Date): Promise<void> {
  const { id: deliveryId, channel, accountId, attempts = 0 } = delivery;
  if (RECEIVER_CHANNELS.includes(channel)) return enqueueReceiver(db, delivery, runAt);
  await enqueue(
    db,
    taskOfChannel(channel),
    { deliveryId, accountId },
    { maxAttempts: MAX_DELIVERY_ATTEMPTS - attempts, ...(runAt !== undefined && { runAt }) },
  );
}

/** The same for many, in one statement for all without `runAt`. */
export async function enqueueDeliveries(
  db: Queryable,
  deliveries: readonly (DeliveryJob & { runAt?: Date })[],
): Promise<void> {
  const now = deliveries.filter(({ runAt }) => runAt === undefined);
  await enqueueAll(
    db,
    now.map(({ id: deliveryId, channel, target, accountId }) =>
      RECEIVER_CHANNELS.includes(channel)
        ? { task: RECEIVER_TASK, payload: { channel, target, accountId }, jobKey: `${channel}:${target}` }
        : {
            task: taskOfChannel(channel),
            payload: { deliveryId, accountId },
            jobKey: deliveryId,
            maxAttempts: MAX_DELIVERY_ATTEMPTS,
          },
    ),
  );
  for (const { runAt, ...delivery } of deliveries)
    if (runAt !== undefined) await enqueueDelivery(db, delivery, runAt);
}

/**
 * Adds the job that makes all deliveries to a receiver that are due by then. A receiver has one waiting job for now,
 * however many deliveries it waits for, and one for each later time.
 */
export async function enqueueReceiver(
  db: Queryable,
  { channel, target, accountId }: Receiver,
  at?: Date,
): Promise<void> {
  const payload = { channel, target, accountId };
  const key = `${channel}:${target}`;
  if (at === undefined) {
    await enqueue(db, RECEIVER_TASK, payload, { jobKey: key });
    return;
  }
  const runAt = new Date(Math.ceil(at.getTime() / STEP_MS) * STEP_MS);
  await enqueue(db, RECEIVER_TASK, payload, { jobKey: `${key}@${runAt.getTime() / STEP_MS}`, runAt });
}
