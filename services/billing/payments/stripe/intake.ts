/** From an event to the job that reads its object again. */
import { createHash } from 'node:crypto';
import type { Queryable } from '#libs/db/database.ts';
import { enqueueAll, type JobSpec } from '#libs/jobs/enqueue.ts';
import { type NoticePlan, planNotice, type StripeNotice, type SyncTarget } from './domain/event-types.ts';
import { type InboxRow, insertEvents } from './inbox-store.ts';

export const SYNC_TASK = 'sync-stripe-object';
export const RESOLVE_TASK = 'resolve-stripe-event';
/** Customers share queues, so that the jobs of one run one after another without a queue for each. */
const QUEUES = 32;

/** An event with what is to be done about it. */
type Planned = { notice: StripeNotice; plan: NoticePlan };

/** Stores events and the work on them, each once, in the transaction of the caller. @returns how many are new. */
export async function acceptNotices(
  tx: Queryable,
  notices: readonly StripeNotice[],
  of: { source: 'webhook' | 'reconciliation'; now: Date; isLive: boolean },
): Promise<number> {
  if (notices.length === 0) return 0;
  // In one order, so that replicas with the same events wait for each other and never deadlock.
  const planned: Planned[] = notices
    .toSorted((a, b) => (a.eventId < b.eventId ? -1 : 1))
    .map((notice) => ({ notice, plan: planNotice(notice, of.isLive) }));
  const added = await insertEvents(
    tx,
    planned.map((one) => inboxRow(one, of)),
  );
  const jobs = planned.filter(({ notice }) => added.has(notice.eventId)).flatMap(jobOf);
  await enqueueAll(tx, jobs);
  return added.size;
}

function inboxRow(
  { notice, plan }: Planned,
  { source, now }: { source: 'webhook' | 'reconciliation'; now: Date },
): InboxRow {
  const isDone = plan.kind === 'done';
  return {
    eventId: notice.eventId,
    type: notice.type,
    objectId: plan.kind === 'sync' ? plan.objectId : null,
    customerId: notice.customerId,
    apiVersion: notice.apiVersion,
    source,
    receivedAt: now,
    processedAt: isDone ? now : null,
    outcome: isDone ? plan.outcome : null,
  };
}

/** Waiting work on the same object is the same work. */
function jobOf({
  notice: { eventId, customerId },
  plan,
}: {
  notice: Pick<StripeNotice, 'eventId' | 'customerId'>;
  plan: NoticePlan;
}): JobSpec[] {
  if (plan.kind === 'done') return [];
  if (plan.kind === 'resolve') {
    return [{ task: RESOLVE_TASK, payload: { eventId }, jobKey: `${RESOLVE_TASK} ${eventId}` }];
  }
  return [syncJob(plan.target, plan.objectId, customerId)];
}

function syncJob(target: SyncTarget, objectId: string, customerId: string | null): JobSpec {
  const jobKey = `stripe ${target} ${objectId}`;
  return { task: SYNC_TASK, payload: { target, objectId }, jobKey, queue: queueOf(customerId ?? objectId) };
}

/** Adds the work on an event. */
export async function enqueuePlan(
  tx: Queryable,
  plan: NoticePlan,
  notice: Pick<StripeNotice, 'eventId' | 'customerId'>,
): Promise<void> {
  await enqueueAll(tx, jobOf({ notice, plan }));
}

export async function enqueueSync(
  tx: Queryable,
  target: SyncTarget,
  objectId: string,
  customerId: string | null,
): Promise<void> {
  await enqueueAll(tx, [syncJob(target, objectId, customerId)]);
}

function queueOf(customerId: string): string {
  return `stripe-${createHash('sha256').update(customerId).digest().readUInt32BE(0) % QUEUES}`;
}
