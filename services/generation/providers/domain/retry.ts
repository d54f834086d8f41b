import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from './provider-error.ts';

export type RetryPolicy = {
  /** Attempts in all, the first included. */
  maxAttempts: number;
  /** Longest pause before the second attempt; doubled for each one after. */
  baseDelayMs: number;
  /** A provider that asks for a longer pause than this is not asked again. */
  maxDelayMs: number;
};

export type RetryOptions = {
  policy: RetryPolicy;
  signal: AbortSignal;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Whether the failed attempt left something behind: then it may have been billed and is never repeated. */
  producedOutput: () => boolean;
  /** Told before every pause. */
  onRetry?: (error: ProviderError, delayMs: number) => void;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

const sleepFor = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal });

/**
 * Runs an attempt until it succeeds, fails for good, or may have been billed. Pauses have full jitter, so that many
 * callers turned away together do not come back together, and are never shorter than the provider asked for.
 *
 * @throws ProviderError of the last attempt, or `cancelled` when the signal ended a pause.
 */
export async function withRetries<T>(
  attempt: (attemptNumber: number) => Promise<T>,
  { policy, signal, random, producedOutput, onRetry, sleep = sleepFor }: RetryOptions,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      if (!(error instanceof ProviderError) || !error.retryable) throw error;
      if (producedOutput() || number >= policy.maxAttempts || signal.aborted) throw error;
      const delayMs = pauseMs(error, number, policy, random);
      if (delayMs > policy.maxDelayMs) throw error;
      onRetry?.(error, delayMs);
      await sleep(delayMs, signal).catch((cause: unknown) => {
        throw new ProviderError('cancelled', 'The call was cancelled.', { cause });
      });
    }
  }
}

function pauseMs(error: ProviderError, attempt: number, policy: RetryPolicy, random: () => number): number {
  const backoffMs = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs) * random();
  if (error.retryAfterMs === null) return Math.round(backoffMs);
  // a little later than asked, and not all at the same moment
  return Math.round(error.retryAfterMs + Math.min(backoffMs, policy.baseDelayMs));
}
