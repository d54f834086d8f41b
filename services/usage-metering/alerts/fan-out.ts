/** Decides to whom events are delivered, and adds those deliveries. Running it again adds nothing. */
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { outboxDeliveries } from '#libs/db/schema/outbox.ts';
import { type EventRow, LOG_CHANNEL, logDelivery } from '#libs/outbox/deliveries.ts';
import { enqueueDeliveries } from '#libs/outbox/enqueue-delivery.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { audienceOf } from './domain/audience.ts';
import { channelsFor, deliverAt } from './domain/preferences.ts';
import { type AlertRow, listEvents, listMembers, type MemberSettings } from './store.ts';

/** One delivery to add, at once unless it has a time. `target` is a user for channels of users. */
export type PlannedDelivery = { event: EventRow; channel: string; target: string; runAt?: Date };

/** More targets of events, from another feature. */
export type FindTargets = (tx: Tx, events: readonly EventRow[]) => Promise<PlannedDelivery[]>;

export type FanOutOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  /** The channels of operators that are configured. */
  operatorChannels: readonly string[];
  findTargets: FindTargets;
};

/** Events of one transaction, in a handful of statements however many they are. */
export async function fanOut(
  eventIds: readonly string[],
  { database, runtime, operatorChannels, findTargets }: FanOutOptions,
  logger: Logger,
): Promise<void> {
  const { clock, newId } = runtime;
  await transaction(database, async (tx) => {
    // Events older than the retention are missing.
    const found = await listEvents(tx, eventIds);
    const events = found.map(({ event }) => event);
    const accountIds = [...new Set(found.flatMap(({ alert }) => alert?.accountId ?? []))];
    const members = Map.groupBy(await listMembers(tx, accountIds), ({ accountId }) => accountId);
    const now = clock.now();
    const planned = await findTargets(tx, events);
    for (const { event, alert } of found) {
      if (alert === null) continue;
      planned.push(...planForUsers(event, alert, members.get(alert.accountId ?? '') ?? [], now));
      if (isForOperators(alert))
        planned.push(...operatorChannels.map((channel) => ({ event, channel, target: '' })));
    }
    await addDeliveries(tx, planned, newId);
    // The ledger's transaction writes events without deliveries.
    const unlogged = events.filter(({ type }) => type === 'usage.threshold');
    await deliverToLog(tx, unlogged, { now, newId, logger });
  });
}

const isForOperators = ({ kind, accountId }: AlertRow) =>
  kind === 'provider_failure' || kind === 'critical_error' || accountId === null;

function planForUsers(
  event: EventRow,
  alert: AlertRow,
  members: readonly MemberSettings[],
  now: Date,
): PlannedDelivery[] {
  return audienceOf(alert, members).flatMap(({ userId: target, settings }) => {
    const runAt = deliverAt(now, alert.severity, settings.quietHours);
    const later = runAt > now ? { runAt } : {};
    return channelsFor(alert.kind, settings).map((channel) => ({ event, channel, target, ...later }));
  });
}

async function addDeliveries(
  tx: Tx,
  planned: readonly PlannedDelivery[],
  newId: () => string,
): Promise<void> {
  if (planned.length === 0) return;
  const deliveries = planned.map((delivery) => ({ ...delivery, id: newId() }));
  const rows = deliveries.map(({ id, event, channel, target, runAt }) => ({
    ...{ id, eventId: event.id, channel, target },
    nextAttemptAt: runAt ?? null,
  }));
  const added = await tx
    .insert(outboxDeliveries)
    .values(rows)
    .onConflictDoNothing()
    .returning({ id: outboxDeliveries.id });
  const ids = new Set(added.map(({ id }) => id));
  const jobs = deliveries.map(({ event: { accountId }, ...delivery }) => ({ ...delivery, accountId }));
  await enqueueDeliveries(
    tx,
    jobs.filter(({ id }) => ids.has(id)),
  );
}

/** Needs no job. A transaction that fails writes the lines again. */
async function deliverToLog(
  tx: Tx,
  events: readonly EventRow[],
  { now, newId, logger }: { now: Date; newId: () => string; logger: Logger },
): Promise<void> {
  if (events.length === 0) return;
  const done = {
    channel: LOG_CHANNEL,
    target: '',
    status: 'delivered',
    attempts: 1,
    deliveredAt: now,
  } as const;
  const added = await tx
    .insert(outboxDeliveries)
    .values(events.map(({ id: eventId }) => ({ id: newId(), eventId, ...done })))
    .onConflictDoNothing()
    .returning();
  const byId = new Map(events.map((event) => [event.id, event]));
  for (const delivery of added) logDelivery(byId.get(delivery.eventId) as EventRow, delivery, logger);
}
