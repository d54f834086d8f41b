/** Which reported events are recorded, and where they count. */
import { isGauge, isMeter } from '#libs/catalogue/limit.ts';
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
  /** What is left of it after all corrections; null for a correction. */
  remaining: bigint | null;
};

export type EventDecisions = {
  results: EventResult[];
  recorded: StoredEvent[];
  /** What is left of events that were known before and are corrected now, by id. */
  corrected: ReadonlyMap<string, bigint>;
};

/** @param known the events of the account with these ids, and those that they correct. */
export function decideEvents(
  events: readonly UsageEventBody[],
  known: readonly StoredEvent[],
  now: Date,
): EventDecisions {
  const byId = new Map(known.map((event) => [event.id, { ...event }]));
  const recorded: StoredEvent[] = [];
  const results = events.map((event): EventResult => {
    const { id } = event;
    const earlier = byId.get(id);
    if (earlier !== undefined)
      return isSame(event, earlier) ? { id, status: 'repeated', error: null } : refused(id, 'id_reused');
    const original = event.corrects === undefined ? null : byId.get(event.corrects);
    const code = faultOf(event, original, now);
    if (code !== null) return refused(id, code);
    const amount = BigInt(event.amount);
    const stored = {
      ...{ id, meter: event.meter, amount, corrects: event.corrects ?? null },
      occurredAt: original?.occurredAt ?? occurredAt(event, now),
      remaining: original ? null : amount,
    };
    if (original?.remaining != null) original.remaining += amount;
    byId.set(id, stored);
    recorded.push(stored);
    return { id, status: 'recorded', error: null };
  });
  return { results, recorded, corrected: correctedOf(known, byId) };
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

/** @param original the event that it corrects; null if it corrects none, undefined if there is no such event. */
function faultOf(
  event: UsageEventBody,
  original: StoredEvent | null | undefined,
  now: Date,
): (typeof EVENT_ERRORS)[number] | null {
  if (!isMeter(event.meter) || isGauge(event.meter)) return 'unknown_meter';
  const amount = BigInt(event.amount);
  if (original === null) {
    if (amount < 0n) return 'negative_amount';
    const ageMs = event.occurred_at === undefined ? 0 : now.getTime() - Date.parse(event.occurred_at);
    if (ageMs < -MAX_AHEAD_MS) return 'in_future';
    return ageMs > MAX_EVENT_AGE_DAYS * DAY_MS ? 'too_old' : null;
  }
  if (original === undefined) return 'unknown_event';
  if (original.remaining === null || original.meter !== event.meter) return 'not_correctable';
  return original.remaining + amount < 0n ? 'exceeds_recorded' : null;
}

function occurredAt({ occurred_at: given }: UsageEventBody, now: Date): Date {
  if (given === undefined) return now;
  return new Date(Math.min(Date.parse(given), now.getTime()));
}

const DETAILS: Readonly<Record<(typeof EVENT_ERRORS)[number], string>> = {
  id_reused: 'Another event has this id.',
  unknown_meter:
    'There is no meter of usage with this name. Meters that count what exists, such as seats, are counted here.',
  in_future: 'The event has not occurred yet.',
  too_old: `Events are accepted for ${MAX_EVENT_AGE_DAYS} days.`,
  negative_amount: 'Only a correction may be negative: name the event that it corrects.',
  unknown_event: 'The event that it corrects is not known.',
  not_correctable: 'It corrects a correction, or an event of another meter.',
  exceeds_recorded: 'It would take back more than was recorded.',
};

const refused = (id: string, code: (typeof EVENT_ERRORS)[number]): EventResult => ({
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

/** The usage row of an event. Money is a cost of its own; other meters cost nothing. */
export function factsOf({ meter, amount }: StoredEvent): CallFacts {
  return {
    ...countingFacts(meter, 'event'),
    provider: EXTERNAL_PROVIDER,
    usageSource: 'provider',
    outputCostNanoUsd: meter === 'cost' ? amount : 0n,
  };
}
