/** Reduces the waiting events of a customer to objects that are read once each, in any number and order of events. */
import { EVENT_TARGETS, type SyncTarget } from './event-types.ts';

export type WaitingEvent = {
  eventId: string;
  type: string;
  objectId: string | null;
  subscriptionId: string | null;
};

/** An object to read, and the events that are done with it. */
export type ObjectRead = {
  target: SyncTarget;
  objectId: string;
  /** Of an invoice, where its event named it. */
  subscriptionId: string | null;
  eventIds: readonly string[];
};

export type EventWork = {
  reads: readonly ObjectRead[];
  /** Their payload does not name the object: the event itself has to be read. */
  unnamed: readonly string[];
};

export function workOf(events: readonly WaitingEvent[]): EventWork {
  const reads = new Map<string, ObjectRead & { eventIds: string[] }>();
  const unnamed: string[] = [];
  for (const { eventId, type, objectId, subscriptionId } of events) {
    const target = EVENT_TARGETS[type];
    if (target === undefined || target === 'ignored') continue;
    if (objectId === null) {
      unnamed.push(eventId);
      continue;
    }
    const key = `${target} ${objectId}`;
    const read = reads.get(key) ?? { target, objectId, subscriptionId, eventIds: [] };
    read.subscriptionId ??= subscriptionId;
    read.eventIds.push(eventId);
    reads.set(key, read);
  }
  return { reads: [...reads.values()], unnamed };
}
