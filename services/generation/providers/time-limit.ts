import { ProviderError } from './domain/provider-error.ts';

/** Ends a call that is silent for too long, or whose caller gives up. */
export type TimeLimit = {
  /** What ends the call. */
  readonly signal: AbortSignal;
  /** Waits this long for the next sign of life. */
  readonly renew: (timeoutMs: number) => void;
  /** The provider is not to blame for what takes long now: a client that reads slowly. */
  readonly pause: () => void;
  /** Why the call ended, if it was us who ended it. */
  readonly reason: () => ProviderError | undefined;
  /** Must be called in the end. */
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
