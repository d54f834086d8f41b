/** Decides to whom an event is delivered, and adds those deliveries. Running it again adds nothing. */
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { outboxDeliveries } from '#libs/db/schema/outbox.ts';
import { type EventRow, LOG_CHANNEL, logDelivery, RECEIVER_CHANNELS } from '#libs/outbox/deliveries.ts';
import { enqueueDelivery } from '#libs/outbox/enqueue-delivery.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { audienceOf } from './domain/audience.ts';
import { channelsFor, deliverAt } from './domain/preferences.ts';
import { type AlertRow, findEvent, findSettings, listMembers } from './store.ts';

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

export async function fanOut(eventId: string, options: FanOutOptions, logger: Logger): Promise<void> {
  const { database, runtime, operatorChannels, findTargets } = options;
  await transaction(database, async (tx) => {
    const found = await findEvent(tx, eventId);
    // Older than the retention of events.
    if (found === undefined) return;
    const { event, alert } = found;
    const now = runtime.clock.now();
    const planned = await findTargets(tx, event);
    if (alert !== null) {
      planned.push(...(await planForUsers(tx, alert, now)));
      if (isForOperators(alert))
        planned.push(...operatorChannels.map((channel) => ({ channel, target: '' })));
    }
    await addDeliveries(tx, event, planned, runtime.newId);
    // The ledger's transaction writes events without deliveries.
    if (event.type === 'usage.threshold') await writeLog(tx, event, { now, newId: runtime.newId, logger });
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

async function addDeliveries(
  tx: Tx,
  { id: eventId, accountId }: EventRow,
  planned: readonly PlannedDelivery[],
  newId: () => string,
): Promise<void> {
  if (planned.length === 0) return;
  const deliveries = planned.map(({ channel, target, runAt }) => ({ id: newId(), channel, target, runAt }));
  const added = await tx
    .insert(outboxDeliveries)
    .values(
      deliveries.map(({ id, channel, target, runAt }) => ({
        ...{ id, eventId, channel, target },
        nextAttemptAt: runAt !== undefined && RECEIVER_CHANNELS.includes(channel) ? runAt : null,
      })),
    )
    .onConflictDoNothing()
    .returning({ id: outboxDeliveries.id });
  const ids = new Set(added.map(({ id }) => id));
  for (const { runAt, ...delivery } of deliveries)
    if (ids.has(delivery.id)) await enqueueDelivery(tx, { ...delivery, accountId }, runAt);
}

/** Delivers to the log, which needs no job. A transaction that fails writes the line again. */
async function writeLog(
  tx: Tx,
  event: EventRow,
  { now, newId, logger }: { now: Date; newId: () => string; logger: Logger },
): Promise<void> {
  const row = { id: newId(), eventId: event.id, channel: LOG_CHANNEL, target: '' };
  const [delivery] = await tx
    .insert(outboxDeliveries)
    .values({ ...row, status: 'delivered', attempts: 1, deliveredAt: now })
    .onConflictDoNothing()
    .returning();
  if (delivery !== undefined) logDelivery(event, delivery, logger);
}
