import type { Stop } from '#libs/ledger/types.ts';
import type { ProblemError } from '#libs/problems/problems.ts';
import { emergencyStop, type StopNotice } from '#libs/service/refusal.ts';

/** Why a request was ended before it was complete. */
export const END_REASONS = ['client_gone', 'emergency_stop', 'deadline', 'shutdown'] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What an emergency stop can match. */
export type RequestScope = {
  readonly accountId: string;
  readonly keyId: string | null;
  /** Providers (`openai`) and models (`openai/gpt-4o`). */
  readonly targets: readonly string[];
  /** When the request is ended, early enough to settle before its hold expires; on the clock of `performance.now()`. */
  readonly deadlineMs: number;
};

/** What is known of a request when it begins. */
export type BegunRequest = RequestScope & {
  /** The trace that it is part of, passed on to providers. */
  readonly traceparent?: string | undefined;
};

export type ActiveRequest = BegunRequest & {
  /** Adds targets that stops may match from now on. @returns false if a stop matches one of them already. */
  readonly use: (targets: readonly string[]) => boolean;
  /** Calls the listener when the request is ended, at once if it has been. @returns a function that removes the listener. */
  readonly onEnded: (listener: () => void) => () => void;
  /** The first reason it was ended for; null while it has not been ended. */
  readonly reason: () => EndReason | null;
  readonly end: (reason: EndReason, stop?: ActiveStop) => void;
  /** The stop that ended it; null if it was not ended, or for another reason. */
  readonly stop: () => ActiveStop | null;
  /**
   * The client has left: no further call starts. A running call ends as soon as its cost is known, at the latest after the
   * drain timeout.
   */
  readonly abandon: () => void;
  readonly isAbandoned: () => boolean;
  /** Calls the listener when the client leaves, at once if it has left. @returns a function that removes the listener. */
  readonly onAbandoned: (listener: () => void) => () => void;
  /** When the request is ended, on the clock of `performance.now()`. */
  readonly endsAtMs: () => number;
};

export type ActiveStop = Pick<Stop, 'id' | 'kind' | 'target'> & { readonly notice?: StopNotice | undefined };

export type ActiveRequests = {
  /** @throws ProblemError `emergency_stop` if an active stop covers the scope. */
  readonly begin: (request: BegunRequest) => ActiveRequest;
  readonly finish: (request: ActiveRequest) => void;
  readonly size: () => number;
  /** Ends the requests that the stop covers and refuses new ones. */
  readonly stop: (stop: ActiveStop) => void;
  readonly liftStop: (id: string) => void;
  /** Replaces all known stops, because notifications may have been missed. */
  readonly setStops: (stops: readonly ActiveStop[]) => void;
  /** Ends the requests past their deadline. One check for all is cheaper than a timer for each. */
  readonly endOverdue: () => void;
  readonly endAll: (reason: EndReason) => void;
  /** Resolves when no request is running. */
  readonly idle: () => Promise<void>;
};

export type ActiveRequestsOptions = {
  /** How long the calls of a client that left may run on. */
  drainTimeoutMs: number;
  /** Monotonic milliseconds, because the clock of the machine may be set. */
  monotonicMs?: () => number;
};

/**
 * The requests that this process runs. A hold can be admitted just before a stop commits, and its request can arrive
 * just after the notification, so stops are remembered and checked again when a request begins.
 */
export function createActiveRequests(options: ActiveRequestsOptions): ActiveRequests {
  const { drainTimeoutMs, monotonicMs = () => performance.now() } = options;
  const requests = new Set<ActiveRequest>();
  let whenIdle: (() => void)[] = [];
  let stops = new Map<string, ActiveStop>();

  const endCovered = (stop: ActiveStop) => {
    for (const request of requests) if (covers(stop, request)) request.end('emergency_stop', stop);
  };

  return {
    begin(begun) {
      for (const stop of stops.values()) if (covers(stop, begun)) throw stopProblem(stop);
      const isStopped = (targets: readonly string[]) =>
        [...stops.values()].some((stop) => covers(stop, { ...begun, targets }));
      const request = createActiveRequest(begun, () => monotonicMs() + drainTimeoutMs, isStopped);
      requests.add(request);
      return request;
    },
    finish: (request) => {
      requests.delete(request);
      if (requests.size > 0) return;
      for (const resolve of whenIdle) resolve();
      whenIdle = [];
    },
    size: () => requests.size,
    stop(stop) {
      stops.set(stop.id, stop);
      endCovered(stop);
    },
    liftStop: (id) => {
      stops.delete(id);
    },
    setStops(active) {
      stops = new Map(active.map((stop) => [stop.id, stop]));
      for (const stop of active) endCovered(stop);
    },
    endOverdue() {
      const nowMs = monotonicMs();
      for (const request of requests) {
        if (request.endsAtMs() <= nowMs) request.end(request.isAbandoned() ? 'client_gone' : 'deadline');
      }
    },
    endAll(reason) {
      for (const request of requests) request.end(reason);
    },
    idle: () => (requests.size === 0 ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
  };
}

function createActiveRequest(
  begun: BegunRequest,
  drainedAtMs: () => number,
  isStopped: (targets: readonly string[]) => boolean,
): ActiveRequest {
  const targets = [...begun.targets];
  const whenEnded = new Set<() => void>();
  const whenAbandoned = new Set<() => void>();
  let reason: EndReason | null = null;
  let stop: ActiveStop | null = null;
  let isAbandoned = false;
  let endsAtMs = begun.deadlineMs;
  return {
    ...begun,
    targets,
    use(more) {
      if (isStopped(more)) return false;
      targets.push(...more);
      return true;
    },
    onEnded(listener) {
      whenEnded.add(listener);
      if (reason !== null) listener();
      return () => whenEnded.delete(listener);
    },
    reason: () => reason,
    stop: () => stop,
    end(why, by) {
      if (reason !== null) return;
      reason = why;
      stop = by ?? null;
      for (const listener of whenEnded) listener();
    },
    abandon() {
      if (isAbandoned) return;
      isAbandoned = true;
      endsAtMs = Math.min(endsAtMs, drainedAtMs());
      for (const listener of whenAbandoned) listener();
    },
    isAbandoned: () => isAbandoned,
    onAbandoned(listener) {
      whenAbandoned.add(listener);
      if (isAbandoned) listener();
      return () => whenAbandoned.delete(listener);
    },
    endsAtMs: () => endsAtMs,
  };
}

/** What a request receives that the stop refuses or ends. */
export function stopProblem({ kind, target, notice }: ActiveStop): ProblemError {
  return emergencyStop(kind === 'global' ? kind : `${kind}:${target}`, notice ?? null);
}

function covers({ kind, target }: ActiveStop, { accountId, keyId, targets }: RequestScope): boolean {
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
