/** From events to the jobs that process them. */
import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { only, type Queryable } from '#libs/db/database.ts';
import { enqueueAll } from '#libs/jobs/enqueue.ts';
import { planNotice, type StripeNotice, type SyncTarget } from './domain/event-types.ts';

export const PROCESS_TASK = 'process-stripe-events';
export const SYNC_TASK = 'sync-stripe-object';
/** Customers share queues, so that the jobs of one run one after another without a queue for each. */
const QUEUES = 32;

type NoticeSource = { source: 'webhook' | 'reconciliation'; now: Date; isLive: boolean };

/** Stores events, each once, with one job for each customer, in one statement. @returns how many are new. */
export async function acceptNotices(
  db: Queryable,
  notices: readonly StripeNotice[],
  of: NoticeSource,
): Promise<number> {
  if (notices.length === 0) return 0;
  // In one order, so that replicas with the same events wait for each other and never deadlock.
  const rows = notices
    .toSorted((a, b) => (a.eventId < b.eventId ? -1 : 1))
    .map((notice) => inboxRow(notice, of));
  // Drizzle has no statement that inserts into one table and calls a function of the job queue for the new rows.
  const { rows: results } = await db.execute<{ added: number; missing: string[] }>(sql`
    WITH sent AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS row (
        event_id text, type text, object_id text, customer_id text, subscription_id text, api_version text,
        outcome text, key text, queue text)
    ), added AS (
      INSERT INTO stripe_inbox (event_id, type, object_id, customer_id, subscription_id, api_version, source,
                                received_at, processed_at, outcome)
      SELECT event_id, type, object_id, customer_id, subscription_id, api_version, ${of.source}::text,
             ${of.now.toISOString()}::timestamptz,
             CASE WHEN outcome IS NOT NULL THEN ${of.now.toISOString()}::timestamptz END, outcome
        FROM sent
      ON CONFLICT (event_id) DO NOTHING
      RETURNING event_id, outcome
    ), concerned AS MATERIALIZED (
      SELECT DISTINCT key, queue FROM sent JOIN added USING (event_id) WHERE added.outcome IS NULL
    ), waiting AS MATERIALIZED (
      -- Locked, such a job begins after these events are committed, so it sees them.
      SELECT key FROM graphile_worker._private_jobs
       WHERE key IN (SELECT 'stripe ' || key FROM concerned) AND is_available AND run_at <= now()
         FOR SHARE SKIP LOCKED
    ), work AS MATERIALIZED (
      SELECT key, queue FROM concerned WHERE 'stripe ' || key NOT IN (SELECT key FROM waiting)
    ), jobs AS MATERIALIZED (
      SELECT payload->>'key' AS key FROM graphile_worker.add_jobs(ARRAY(
        SELECT (${PROCESS_TASK}::text, json_build_object('key', key), queue, NULL, NULL, 'stripe ' || key, NULL, NULL)
               ::graphile_worker.job_spec FROM work ORDER BY key))
    )
    SELECT (SELECT count(*)::int FROM added) AS added,
           ARRAY(SELECT key FROM work EXCEPT SELECT key FROM jobs) AS missing`);
  const { added, missing } = only(results);
  // The queue adds no job for a key whose job began in that moment, and that one may not have seen the event.
  await enqueueEvents(db, missing);
  return added;
}

function inboxRow(notice: StripeNotice, { isLive }: NoticeSource) {
  const plan = planNotice(notice, isLive);
  const objectId = plan.kind === 'sync' ? plan.objectId : null;
  const { eventId, type, customerId, subscriptionId, apiVersion } = notice;
  const key = keyOf({ eventId, objectId, customerId });
  return {
    event_id: eventId,
    type,
    object_id: objectId,
    customer_id: customerId,
    subscription_id: subscriptionId,
    api_version: apiVersion,
    outcome: plan.kind === 'done' ? plan.outcome : null,
    key,
    queue: queueOf(key),
  };
}

/** Events with the same key are processed by one job at a time. The index of the waiting events has the same expression. */
export function keyOf({
  customerId,
  objectId,
  eventId,
}: {
  customerId: string | null;
  objectId: string | null;
  eventId: string;
}): string {
  return customerId ?? objectId ?? eventId;
}

/** Adds jobs for events that are stored. */
export async function enqueueEvents(tx: Queryable, keys: readonly string[]): Promise<void> {
  const job = (key: string) => ({
    task: PROCESS_TASK,
    payload: { key },
    jobKey: `stripe ${key}`,
    queue: queueOf(key),
  });
  await enqueueAll(tx, keys.map(job));
}

/** Adds a job that reads an object again, without an event. */
export async function enqueueSync(
  tx: Queryable,
  target: SyncTarget,
  objectId: string,
  customerId: string | null,
): Promise<void> {
  const jobKey = `stripe ${target} ${objectId}`;
  const queue = queueOf(customerId ?? objectId);
  await enqueueAll(tx, [{ task: SYNC_TASK, payload: { target, objectId }, jobKey, queue }]);
}

function queueOf(key: string): string {
  return `stripe-${createHash('sha256').update(key).digest().readUInt32BE(0) % QUEUES}`;
}
