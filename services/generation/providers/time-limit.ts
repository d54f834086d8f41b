import { ProviderError } from './domain/provider-error.ts';

export type TimeLimits = {
  /** Longest wait for content: for a whole answer, or for the next piece of a stream. */
  timeoutMs: number;
  /** Longest silence after the first piece of a stream. Comments end a silence, but are no content. */
  idleTimeoutMs?: number;
};

/** Ends a call that exceeds its time, or that is cancelled. */
export type TimeLimit = {
  /** Calls the listener when the call must end, at once if it must have ended. There is one listener: the next replaces it. */
  readonly onEnd: (listener: () => void) => void;
  /** Bytes have arrived. */
  readonly heard: () => void;
  /** Content has arrived. */
  readonly progressed: () => void;
  /** The answer is complete except for its ending, which must come in this time. */
  readonly expectEnd: (timeoutMs: number) => void;
  /** Stops the clock while a slow client reads. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Why we ended the call; undefined if we did not. */
  readonly reason: () => ProviderError | undefined;
  /** Stops the timer and removes the listener. Must always be called. */
  readonly release: () => void;
};

/** Marks are only remembered; the timer is set again when it fires, not for every chunk of a stream. */
export function startTimeLimit(parent: AbortSignal, limits: TimeLimits): TimeLimit {
  const { idleTimeoutMs = Number.POSITIVE_INFINITY } = limits;
  let { timeoutMs } = limits;
  let heardAt = performance.now();
  let progressedAt = heardAt;
  let hasProgressed = false;
  let expired = false;
  let timer: NodeJS.Timeout | undefined;
  let lastRead: NodeJS.Immediate | undefined;

  let onEnd = () => {};
  const end = () => onEnd();
  const leftMs = () => {
    const contentMs = progressedAt + timeoutMs;
    const silenceMs = hasProgressed ? heardAt + idleTimeoutMs : Number.POSITIVE_INFINITY;
    return Math.min(contentMs, silenceMs) - performance.now();
  };
  const check = () => {
    const left = leftMs();
    if (left > 0) timer = setTimeout(check, Math.ceil(left));
    // What arrived while the process stood still is read before this immediate runs.
    else lastRead = setImmediate(endIfLate);
  };
  const endIfLate = () => {
    if (leftMs() > 0) return check();
    expired = true;
    end();
  };
  const stop = () => {
    clearTimeout(timer);
    clearImmediate(lastRead);
  };
  const restart = () => {
    stop();
    check();
  };

  check();
  parent.addEventListener('abort', end, { once: true });
  return {
    onEnd: (listener) => {
      onEnd = listener;
      if (expired || parent.aborted) listener();
    },
    heard: () => {
      heardAt = performance.now();
    },
    progressed: () => {
      heardAt = performance.now();
      progressedAt = heardAt;
      if (hasProgressed) return;
      hasProgressed = true;
      restart();
    },
    expectEnd: (nextMs) => {
      timeoutMs = Math.min(timeoutMs, nextMs);
      progressedAt = performance.now();
      restart();
    },
    pause: stop,
    resume: () => {
      heardAt = performance.now();
      progressedAt = heardAt;
      restart();
    },
    reason: () => {
      if (parent.aborted) return new ProviderError('cancelled', 'The call was cancelled.');
      return expired ? new ProviderError('timeout', 'The provider did not answer in time.') : undefined;
    },
    release: () => {
      stop();
      parent.removeEventListener('abort', end);
    },
  };
}
