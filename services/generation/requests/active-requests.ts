import type { Stop } from '#libs/ledger/types.ts';
import { problem } from '#libs/problems/problems.ts';

/** Why work was ended before it was done. */
export const END_REASONS = ['client_gone', 'emergency_stop', 'deadline', 'shutdown'] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What a stop can be about. */
export type RequestScope = {
  readonly accountId: string;
  readonly keyId: string | null;
  /** Providers (`openai`) and models (`openai/gpt-4o`). */
  readonly targets: readonly string[];
  /** Unix milliseconds by which it must have ended, so that it is settled before its hold expires. */
  readonly deadlineMs: number;
};

export type ActiveRequest = RequestScope & {
  /** Ends every provider call of the work. */
  readonly signal: AbortSignal;
  /** Why it was ended; null while it was not. The first reason stays. */
  readonly reason: () => EndReason | null;
  readonly end: (reason: EndReason) => void;
};

export type StopInForce = Pick<Stop, 'id' | 'kind' | 'target'>;

export type ActiveRequests = {
  /** @throws ProblemError `emergency_stop` if a stop in force covers it. */
  readonly begin: (scope: RequestScope) => ActiveRequest;
  readonly finish: (work: ActiveRequest) => void;
  readonly size: () => number;
  /** Ends what the stop covers, and keeps more from beginning. */
  readonly stop: (stop: StopInForce) => void;
  readonly liftStop: (id: string) => void;
  /** Replaces what is known of stops, after notifications may have been missed. */
  readonly setStops: (stops: readonly StopInForce[]) => void;
  /** Ends what has run out of time. One call for all is cheaper than a timer for each. */
  readonly endOverdue: (now: Date) => void;
  readonly endAll: (reason: EndReason) => void;
};

/**
 * The work of this process. A hold may be admitted just before a stop commits and arrive here just after it was
 * announced, so stops are kept and asked again when work begins.
 */
export function createActiveRequests(): ActiveRequests {
  const running = new Set<ActiveRequest>();
  let stops = new Map<string, StopInForce>();

  const endCovered = (stop: StopInForce) => {
    for (const work of running) if (covers(stop, work)) work.end('emergency_stop');
  };

  return {
    begin(scope) {
      for (const stop of stops.values()) if (covers(stop, scope)) throw problem('emergency_stop');
      const work = startWork(scope);
      running.add(work);
      return work;
    },
    finish: (work) => {
      running.delete(work);
    },
    size: () => running.size,
    stop(stop) {
      stops.set(stop.id, stop);
      endCovered(stop);
    },
    liftStop: (id) => {
      stops.delete(id);
    },
    setStops(inForce) {
      stops = new Map(inForce.map((stop) => [stop.id, stop]));
      for (const stop of inForce) endCovered(stop);
    },
    endOverdue(now) {
      const nowMs = now.getTime();
      for (const work of running) if (work.deadlineMs <= nowMs) work.end('deadline');
    },
    endAll(reason) {
      for (const work of running) work.end(reason);
    },
  };
}

function startWork(scope: RequestScope): ActiveRequest {
  const controller = new AbortController();
  let reason: EndReason | null = null;
  return {
    ...scope,
    signal: controller.signal,
    reason: () => reason,
    end(why) {
      if (reason !== null) return;
      reason = why;
      controller.abort();
    },
  };
}

function covers({ kind, target }: StopInForce, { accountId, keyId, targets }: RequestScope): boolean {
  switch (kind) {
    case 'global':
      return true;
    case 'account':
      return target === accountId;
    case 'key':
      return target === keyId;
    case 'provider':
    case 'model':
      return targets.includes(target);
  }
}
