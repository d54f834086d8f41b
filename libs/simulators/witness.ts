import type { Provider } from './dialect.ts';
import type { UsageMode } from './faults.ts';
import { noUsage, type Usage, usageClasses } from './usage.ts';

/** One call as the provider recorded it, to compare with the ledger. */
export interface WitnessedCall {
  /** Given by the simulator, found in the response body. */
  readonly id: string;
  readonly provider: Provider;
  readonly model: string;
  /** The caller's `x-inkmeter-call`. */
  readonly correlation: string | null;
  /** What the provider charges: of a stream that broke off, what had been sent. */
  readonly usage: Readonly<Usage>;
  /** Whether the provider reports this usage to its caller. */
  readonly reportsUsage: boolean;
  /** The mode that the caller asked for with `usage=…`. */
  readonly usageMode: UsageMode | null;
  /** The whole answer was written to the socket. */
  readonly complete: boolean;
  /** 0 if the connection went away before anything was sent. */
  readonly status: number;
  readonly startedAt: Date;
  readonly endedAt: Date;
}

export interface WitnessTotals {
  calls: number;
  complete: number;
  /** Answered with another status than 200, or not at all. */
  failed: number;
  usage: Usage;
}

export interface WitnessFilter {
  readonly correlation?: string | undefined;
  /** Calls that ended at this time or later. */
  readonly since?: Date | undefined;
}

/** What the simulator served, counted by itself so that others can be checked against it. */
export interface Witness {
  /** The last calls in the order in which they ended. */
  calls(filter?: WitnessFilter): WitnessedCall[];
  /** Exact since the start or the last reset, by provider and model. */
  totals(): { all: WitnessTotals; providers: Record<string, Record<string, WitnessTotals>> };
  /** Resolves once this many calls have arrived, answered or not, since the start or the last reset. */
  arrived(count: number): Promise<void>;
  /** Resolves once this many calls have ended since the start or the last reset. */
  ended(count: number): Promise<void>;
  reset(): void;
}

export interface RecordingWitness extends Witness {
  /** A call whose request has been read; every one of them is recorded in the end. */
  arrive(): void;
  record(call: WitnessedCall): void;
}

/** @param capacity how many calls are kept; totals count all of them */
export function createWitness(capacity = 200_000): RecordingWitness {
  let ring: WitnessedCall[] = [];
  let next = 0;
  let all = emptyTotals();
  let byProvider = new Map<string, Map<string, WitnessTotals>>();
  let arrivals = createTally();
  let endings = createTally();

  const totalsOf = (provider: string, model: string): WitnessTotals => {
    const models = byProvider.get(provider) ?? new Map<string, WitnessTotals>();
    byProvider.set(provider, models);
    const totals = models.get(model) ?? emptyTotals();
    models.set(model, totals);
    return totals;
  };

  return {
    arrive: () => arrivals.add(),

    record(call) {
      ring[next] = call;
      next = (next + 1) % capacity;
      add(all, call);
      add(totalsOf(call.provider, call.model), call);
      endings.add();
    },

    calls({ correlation, since } = {}) {
      const ordered = ring.length < capacity ? ring : [...ring.slice(next), ...ring.slice(0, next)];
      return ordered.filter(
        (call) =>
          (correlation === undefined || call.correlation === correlation) &&
          (since === undefined || call.endedAt >= since),
      );
    },

    totals: () => ({
      all: structuredClone(all),
      providers: Object.fromEntries(
        [...byProvider].map(([provider, models]) => [provider, structuredClone(Object.fromEntries(models))]),
      ),
    }),

    arrived: (count) => arrivals.reach(count),
    ended: (count) => endings.reach(count),

    reset() {
      ring = [];
      next = 0;
      all = emptyTotals();
      byProvider = new Map();
      arrivals = createTally();
      endings = createTally();
    },
  };
}

/** A count that can be waited for. */
function createTally() {
  let reached = 0;
  let waiting: { count: number; resolve: () => void }[] = [];
  return {
    add() {
      reached += 1;
      if (waiting.length === 0) return;
      for (const { count, resolve } of waiting) if (reached >= count) resolve();
      waiting = waiting.filter(({ count }) => reached < count);
    },
    reach(count: number): Promise<void> {
      return new Promise((resolve) => {
        if (reached >= count) resolve();
        else waiting.push({ count, resolve });
      });
    },
  };
}

function emptyTotals(): WitnessTotals {
  return { calls: 0, complete: 0, failed: 0, usage: noUsage() };
}

function add(totals: WitnessTotals, { status, complete, usage }: WitnessedCall): void {
  totals.calls += 1;
  if (complete) totals.complete += 1;
  if (status !== 200) totals.failed += 1;
  for (const name of usageClasses) totals.usage[name] += usage[name];
}
