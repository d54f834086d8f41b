/** Which reported events are recorded, and where they count. */
import { isGauge, isMeter, PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import {
  type EVENT_ERRORS,
  type EventResult,
  MAX_EVENT_AGE_DAYS,
  type UsageEventBody,
} from '#libs/contracts/events.ts';
import { countingFacts } from '#libs/ledger/quota-resources.ts';
import type { CallFacts } from '#libs/ledger/types.ts';
import { EXTERNAL_PROVIDER } from '#libs/pipelines/external-call.ts';

const DAY_MS = 86_400_000;
/** Clocks of customers may be ahead. */
const MAX_AHEAD_MS = 300_000;
/** Longer than an event may be late, so that no id is forgotten while its event could be accepted again. */
export const EVENT_RETENTION_DAYS = MAX_EVENT_AGE_DAYS + 10;

export type StoredEvent = {
  id: string;
  meter: string;
  amount: bigint;
  occurredAt: Date;
  corrects: string | null;
  /** What is left of it after all corrections; null for a correction, and for a change of a level. */
  remaining: bigint | null;
};

export type EventDecisions = {
  results: EventResult[];
  recorded: StoredEvent[];
  /** What is left of events that were known before and are corrected now, by id. */
  corrected: ReadonlyMap<string, bigint>;
  /** By meter, the levels that change. */
  levels: ReadonlyMap<string, bigint>;
};

export type KnownUsage = {
  /** The events of the account with the ids of a batch, and those that they correct. */
  events: readonly StoredEvent[];
  /** What earlier events have added, by meters that count what exists. */
  levels: ReadonlyMap<string, bigint>;
};

/** Meters that count what exists and are not counted by requests alone. */
export const isLevel = (meter: string): boolean => isGauge(meter) && meter !== PARALLEL_REQUESTS;

export function decideEvents(
  events: readonly UsageEventBody[],
  { events: known, levels: before }: KnownUsage,
  now: Date,
): EventDecisions {
  const levels = new Map<string, bigint>();
  const levelOf = (meter: string) => levels.get(meter) ?? before.get(meter) ?? 0n;
  const byId = new Map(known.map((event) => [event.id, { ...event }]));
  const recorded: StoredEvent[] = [];
  const results = events.map((event): EventResult => {
    const { id } = event;
    const earlier = byId.get(id);
    if (earlier !== undefined)
      return isSame(event, earlier) ? { id, status: 'repeated', error: null } : refused(id, 'id_reused');
    const original = event.corrects === undefined ? null : byId.get(event.corrects);
    const code = faultOf(event, original, levelOf(event.meter), now);
    if (code !== null) return refused(id, code);
    const amount = BigInt(event.amount);
    const stored = {
      ...{ id, meter: event.meter, amount, corrects: event.corrects ?? null },
      occurredAt: original?.occurredAt ?? occurredAt(event, now),
      remaining: original || isLevel(event.meter) ? null : amount,
    };
    if (isLevel(event.meter)) levels.set(event.meter, levelOf(event.meter) + amount);
    if (original?.remaining != null) original.remaining += amount;
    byId.set(id, stored);
    recorded.push(stored);
    return { id, status: 'recorded', error: null };
  });
  return { results, recorded, corrected: correctedOf(known, byId), levels };
}

function isSame(event: UsageEventBody, { meter, amount, corrects, occurredAt: at }: StoredEvent): boolean {
  const isSameTime =
    corrects !== null ||
    event.occurred_at === undefined ||
    Date.parse(event.occurred_at) === at.getTime() ||
    // it was ahead when it was recorded
    Date.parse(event.occurred_at) - at.getTime() <= MAX_AHEAD_MS;
  return (
    event.meter === meter &&
    BigInt(event.amount) === amount &&
    (event.corrects ?? null) === corrects &&
    isSameTime
  );
}

type EventFault = (typeof EVENT_ERRORS)[number];

/** @param original the event that it corrects; null if it corrects none, undefined if there is no such event. */
function faultOf(
  event: UsageEventBody,
  original: StoredEvent | null | undefined,
  level: bigint,
  now: Date,
): EventFault | null {
  if (!isMeter(event.meter) || event.meter === PARALLEL_REQUESTS) return 'unknown_meter';
  const amount = BigInt(event.amount);
  if (original === null) {
    if (!isLevel(event.meter) && amount < 0n) return 'negative_amount';
    if (isLevel(event.meter) && level + amount < 0n) return 'exceeds_recorded';
    return faultOfTime(event, now);
  }
  if (original === undefined) return 'unknown_event';
  if (original.remaining === null || original.meter !== event.meter) return 'not_correctable';
  return original.remaining + amount < 0n ? 'exceeds_recorded' : null;
}

function faultOfTime({ occurred_at: given }: UsageEventBody, now: Date): EventFault | null {
  const ageMs = given === undefined ? 0 : now.getTime() - Date.parse(given);
  if (ageMs < -MAX_AHEAD_MS) return 'in_future';
  return ageMs > MAX_EVENT_AGE_DAYS * DAY_MS ? 'too_old' : null;
}

function occurredAt({ occurred_at: given }: UsageEventBody, now: Date): Date {
  if (given === undefined) return now;
  return new Date(Math.min(Date.parse(given), now.getTime()));
}

const DETAILS: Readonly<Record<EventFault, string>> = {
  id_reused: 'Another event has this id.',
  unknown_meter: 'There is no meter with this name that events can count on.',
  in_future: 'The event has not occurred yet.',
  too_old: `Events are accepted for ${MAX_EVENT_AGE_DAYS} days.`,
  negative_amount: 'Only a correction may be negative: name the event that it corrects.',
  unknown_event: 'The event that it corrects is not known.',
  not_correctable:
    'It corrects a correction, a change of what exists, or an event of another meter. Report a further change of what exists instead.',
  exceeds_recorded: 'It would take back more than was recorded.',
};

const refused = (id: string, code: EventFault): EventResult => ({
  id,
  status: 'refused',
  error: { code, detail: DETAILS[code] },
});

function correctedOf(
  known: readonly StoredEvent[],
  after: ReadonlyMap<string, StoredEvent>,
): Map<string, bigint> {
  const corrected = new Map<string, bigint>();
  for (const { id, remaining } of known) {
    const left = after.get(id)?.remaining ?? null;
    if (left !== null && left !== remaining) corrected.set(id, left);
  }
  return corrected;
}

/** What receivers of webhooks learn about corrections; null if there are none. */
export function correctionPayload(recorded: readonly StoredEvent[]) {
  const corrections = recorded.flatMap(({ id, corrects, meter, amount, occurredAt: at }) =>
    corrects === null
      ? []
      : [{ id, corrects, meter, amount: amount.toString(), occurred_at: at.toISOString() }],
  );
  return corrections.length === 0 ? null : { source: 'event', corrections };
}

/** The usage row of an event. Money is a cost of its own; other meters cost nothing. */
export function factsOf({ meter, amount }: StoredEvent): CallFacts {
  return {
    ...countingFacts(meter, 'event'),
    provider: EXTERNAL_PROVIDER,
    usageSource: 'provider',
    outputCostNanoUsd: meter === 'cost' ? amount : 0n,
  };
}
