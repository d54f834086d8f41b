/** Decides to whom an event is delivered, and adds those deliveries. Running it again adds nothing. */
import { eq } from 'drizzle-orm';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { type EventRow, RECEIVER_CHANNELS } from '#libs/outbox/deliveries.ts';
import { enqueueDelivery } from '#libs/outbox/enqueue-delivery.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { audienceOf } from './domain/audience.ts';
import { channelsFor, deliverAt } from './domain/preferences.ts';
import { type AlertRow, findAlert, findSettings, listMembers } from './store.ts';

/** One delivery to add, at once unless it has a time. `target` is a user for channels of users. */
export type PlannedDelivery = { channel: string; target: string; runAt?: Date };

/** More targets of an event, from another feature. */
export type FindTargets = (tx: Tx, event: EventRow) => Promise<PlannedDelivery[]>;

export type FanOutOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  /** The channels of operators that are configured. */
  operatorChannels: readonly string[];
  findTargets: FindTargets;
};

export async function fanOut(eventId: string, options: FanOutOptions): Promise<void> {
  const { database, runtime, operatorChannels, findTargets } = options;
  await transaction(database, async (tx) => {
    const [event] = await tx.select().from(outboxEvents).where(eq(outboxEvents.id, eventId));
    // Older than the retention of events.
    if (event === undefined) return;
    const now = runtime.clock.now();
    const alert = await findAlert(tx, eventId);
    const planned = await findTargets(tx, event);
    if (alert !== undefined) {
      planned.push(...(await planForUsers(tx, alert, now)));
      if (isForOperators(alert))
        planned.push(...operatorChannels.map((channel) => ({ channel, target: '' })));
    }
    // The ledger's transaction writes events without deliveries.
    if (event.type === 'usage.threshold') planned.push({ channel: 'log', target: '' });
    for (const delivery of planned) await addDelivery(tx, event, delivery, runtime.newId());
  });
}

const isForOperators = ({ kind, accountId }: AlertRow) =>
  kind === 'provider_failure' || kind === 'critical_error' || accountId === null;

async function planForUsers(tx: Tx, alert: AlertRow, now: Date): Promise<PlannedDelivery[]> {
  const { accountId, severity } = alert;
  if (accountId === null) return [];
  const planned: PlannedDelivery[] = [];
  for (const target of audienceOf(alert, await listMembers(tx, accountId))) {
    const settings = await findSettings(tx, accountId, target);
    const runAt = deliverAt(now, severity, settings.quietHours);
    const later = runAt > now ? { runAt } : {};
    for (const channel of channelsFor(alert.kind, settings)) planned.push({ channel, target, ...later });
  }
  return planned;
}

async function addDelivery(
  tx: Tx,
  { id: eventId, accountId }: EventRow,
  { channel, target, runAt }: PlannedDelivery,
  deliveryId: string,
): Promise<void> {
  const nextAttemptAt = runAt !== undefined && RECEIVER_CHANNELS.includes(channel) ? runAt : null;
  const added = await tx
    .insert(outboxDeliveries)
    .values({ id: deliveryId, eventId, channel, target, nextAttemptAt })
    .onConflictDoNothing()
    .returning({ id: outboxDeliveries.id });
  if (added.length === 0) return;
  await enqueueDelivery(tx, { id: deliveryId, channel, target, accountId }, runAt);
}
