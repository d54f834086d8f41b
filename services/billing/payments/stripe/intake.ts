/** From an event to the job that reads its object again. */
import { createHash } from 'node:crypto';
import type { Queryable } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { type NoticePlan, planNotice, type StripeNotice, type SyncTarget } from './domain/event-types.ts';
import { insertEvent } from './inbox-store.ts';

export const SYNC_TASK = 'sync-stripe-object';
export const RESOLVE_TASK = 'resolve-stripe-event';
/** Customers share queues, so that the jobs of one run one after another without a queue for each. */
const QUEUES = 32;

/** Stores an event and what is to be done about it, once. @returns whether it is new. */
export async function acceptNotice(
  tx: Queryable,
  notice: StripeNotice,
  of: { source: 'webhook' | 'reconciliation'; now: Date; isLive: boolean },
): Promise<boolean> {
  const plan = planNotice(notice, of.isLive);
  const isDone = plan.kind === 'done';
  const isNew = await insertEvent(tx, {
    eventId: notice.eventId,
    type: notice.type,
    objectId: plan.kind === 'sync' ? plan.objectId : null,
    customerId: notice.customerId,
    apiVersion: notice.apiVersion,
    source: of.source,
    receivedAt: of.now,
    processedAt: isDone ? of.now : null,
    outcome: isDone ? plan.outcome : null,
  });
  if (isNew) await enqueuePlan(tx, plan, notice);
  return isNew;
}

/** Adds the work on an event. Waiting work on the same object is the same work. */
export async function enqueuePlan(
  tx: Queryable,
  plan: NoticePlan,
  { eventId, customerId }: Pick<StripeNotice, 'eventId' | 'customerId'>,
): Promise<void> {
  if (plan.kind === 'done') return;
  if (plan.kind === 'resolve') {
    await enqueue(tx, RESOLVE_TASK, { eventId }, { jobKey: `${RESOLVE_TASK} ${eventId}` });
    return;
  }
  await enqueueSync(tx, plan.target, plan.objectId, customerId);
}

export async function enqueueSync(
  tx: Queryable,
  target: SyncTarget,
  objectId: string,
  customerId: string | null,
): Promise<void> {
  const jobKey = `stripe ${target} ${objectId}`;
  await enqueue(tx, SYNC_TASK, { target, objectId }, { jobKey, queue: queueOf(customerId ?? objectId) });
}

function queueOf(customerId: string): string {
  return `stripe-${createHash('sha256').update(customerId).digest().readUInt32BE(0) % QUEUES}`;
}
