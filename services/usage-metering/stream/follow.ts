/** One stream: what has changed since its last event, and nothing twice. */
import type { AlertWire } from '#libs/contracts/alerts.ts';
import { type LimitReading, limitToWire } from '#libs/contracts/limits.ts';
import type { EventStream } from '#libs/http/event-stream.ts';
import { limitKey, type StateChange, stopToWire } from './domain.ts';
import type { UsageHub, Viewer } from './hub.ts';
import type { StopBoard } from './stop-board.ts';

export type FollowOptions = {
  hub: UsageHub;
  stops: StopBoard;
  viewer: Viewer;
  /** Alerts with ids above this one, the oldest first. */
  listAlerts: (after: string) => Promise<AlertWire[]>;
  /** The last alert that the client has received. */
  after: string;
  /** Aborted when the stream ends. */
  signal: AbortSignal;
};

/** Alerts of two transactions may commit in another order than that of their ids. */
const OVERLAP_MS = 60_000;
const NO_STOPS = JSON.stringify({ stops: [] });

/**
 * Sends events until the stream ends. What happens while the client is slow is merged: a stream holds each limit once.
 * Rejects if the usage or the alerts cannot be read.
 */
export async function followUsage(
  stream: EventStream,
  { hub, stops, viewer, listAlerts, after, signal }: FollowOptions,
): Promise<void> {
  const limits = new Map<string, LimitReading>();
  const states = new Map<string, StateChange>();
  let hasAlerts = true;
  let sentStops = NO_STOPS;
  let wake = Promise.withResolvers<void>();
  const onEnd = () => wake.resolve();
  signal.addEventListener('abort', onEnd, { once: true });

  const send = (event: string, data: unknown, id?: string) =>
    stream.send({ event, data: JSON.stringify(data), ...(id !== undefined && { id }) });
  const sendLimits = (some: readonly LimitReading[]) => send('limits', { limits: some.map(limitToWire) });
  const alerts = createAlertCursor(listAlerts, after);
  const currentStops = () => JSON.stringify({ stops: stops.of(viewer).map(stopToWire) });
  const unsubscribeStops = stops.subscribe(() => wake.resolve());

  const subscription = await hub.subscribe(viewer, {
    onLimits(changes) {
      for (const limit of changes.limits) limits.set(limitKey(limit), limit);
      for (const { limit, previous } of changes.states) {
        const key = limitKey(limit);
        states.set(key, { limit, previous: states.get(key)?.previous ?? previous });
      }
      wake.resolve();
    },
    onAlerts() {
      hasAlerts = true;
      wake.resolve();
    },
  });
  try {
    await sendLimits(subscription.limits);
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      if (limits.size > 0) await sendLimits(takeAll(limits));
      for (const { limit, previous } of takeAll(states)) {
        if (limit.state !== previous) await send('state', { limit: limitToWire(limit), previous });
      }
      if (hasAlerts) {
        hasAlerts = false;
        for (const alert of await alerts.next()) await send('alert', alert, alert.id);
      }
      const inForce = currentStops();
      if (inForce !== sentStops) {
        sentStops = inForce;
        await stream.send({ event: 'stops', data: inForce });
      }
      const isCurrent = limits.size === 0 && !hasAlerts && currentStops() === sentStops;
      if (isCurrent && !signal.aborted) await wake.promise;
    }
  } finally {
    subscription.unsubscribe();
    unsubscribeStops();
    signal.removeEventListener('abort', onEnd);
  }
}

function takeAll<Value>(map: Map<string, Value>): Value[] {
  const values = [...map.values()];
  map.clear();
  return values;
}

/** Each alert once, in the order in which they become visible. */
function createAlertCursor(listAlerts: FollowOptions['listAlerts'], after: string) {
  const seen = new Set<string>();
  let from = after;
  return {
    async next(): Promise<AlertWire[]> {
      const found = (await listAlerts(from)).filter(({ id }) => !seen.has(id));
      for (const { id } of found) seen.add(id);
      const newest = found.at(-1)?.id;
      if (newest === undefined) return found;
      const start = lowestIdAt(millisecondsOf(newest) - OVERLAP_MS);
      if (start > from) from = start;
      for (const id of seen) if (id <= from) seen.delete(id);
      return found;
    },
  };
}

/** The lowest UUID of version 7 at a time. */
export function lowestIdAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

const millisecondsOf = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
