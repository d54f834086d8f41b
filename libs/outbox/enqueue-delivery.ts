import { createHash } from 'node:crypto';
import type { Queryable } from '#libs/db/database.ts';
import { type EnqueueOptions, enqueue } from '#libs/jobs/enqueue.ts';
import { MAX_DELIVERY_ATTEMPTS, taskOfChannel, WEBHOOK_CHANNEL } from './deliveries.ts';

export type DeliveryJob = {
  id: string;
  channel: string;
  target: string;
  accountId: string | null;
};

/** Requests to receivers of customers that run at the same time, over all processes. */
const WEBHOOK_QUEUES = 16;

/** Adds the job of a pending delivery, in the caller's transaction. */
export async function enqueueDelivery(db: Queryable, delivery: DeliveryJob, runAt?: Date): Promise<void> {
  const { id: deliveryId, channel, accountId } = delivery;
  const at: EnqueueOptions = runAt === undefined ? {} : { runAt };
  const options =
    channel === WEBHOOK_CHANNEL
      ? { ...at, jobKey: webhookJobKey(deliveryId), queue: webhookQueue(delivery.target) }
      : { ...at, maxAttempts: MAX_DELIVERY_ATTEMPTS };
  await enqueue(db, taskOfChannel(channel), { deliveryId, accountId }, options);
}

/** One waiting job for each delivery: a replay replaces the planned attempt. */
export const webhookJobKey = (deliveryId: string): string => `webhook:${deliveryId}`;

/** An endpoint's deliveries run one after another, so that a slow receiver takes no more than one worker. */
export function webhookQueue(endpointId: string): string {
  const bucket = createHash('sha256').update(endpointId).digest().readUInt32BE() % WEBHOOK_QUEUES;
  return `webhooks-${bucket}`;
}
