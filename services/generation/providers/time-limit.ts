import { ProviderError } from './domain/provider-error.ts';

/** Ends a call that exceeds its timeout, or that is cancelled. */
export type TimeLimit = {
  /** Aborted when the call must end. */
  readonly signal: AbortSignal;
  /** Restarts the timer. */
  readonly renew: (timeoutMs: number) => void;
  /** Stops the timer while a slow client reads. */
  readonly pause: () => void;
  /** Why we ended the call; undefined if we did not. */
  readonly reason: () => ProviderError | undefined;
  /** Stops the timer and removes the listener. Must always be called. */
  readonly release: () => void;
};

export function startTimeLimit(parent: AbortSignal, timeoutMs: number): TimeLimit {
  const controller = new AbortController();
  let expired = false;
  const expire = () => {
    expired = true;
    controller.abort();
  };
  const giveUp = () => controller.abort();
  let timer = setTimeout(expire, timeoutMs);
  if (parent.aborted) giveUp();
  else parent.addEventListener('abort', giveUp, { once: true });
  return {
    signal: controller.signal,
    renew: (nextMs) => {
      clearTimeout(timer);
      timer = setTimeout(expire, nextMs);
    },
    pause: () => clearTimeout(timer),
    reason: () => {
      if (parent.aborted) return new ProviderError('cancelled', 'The call was cancelled.');
      return expired ? new ProviderError('timeout', 'The provider did not answer in time.') : undefined;
    },
    release: () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', giveUp);
    },
  };
}
