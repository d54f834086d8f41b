import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from './provider-error.ts';

export type RetryPolicy = {
  /** Maximum attempts, including the first. */
  maxAttempts: number;
  /** Longest pause before the second attempt; doubled for each further attempt. */
  baseDelayMs: number;
  /** A provider that asks for a longer pause is not called again. */
  maxDelayMs: number;
};

export type RetryOptions = {
  policy: RetryPolicy;
  signal: AbortSignal;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Whether the failed attempt produced output: it may have been billed, and is never repeated. */
  producedOutput: () => boolean;
  /** Called before every pause. */
  onRetry?: (error: ProviderError, delayMs: number) => void;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

const sleepFor = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal });

/**
 * Repeats an attempt until it succeeds, fails permanently, or may have been billed. Pauses have full jitter, so that
 * clients rejected together do not return together, and are at least as long as the provider asked for.
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
  // slightly later than asked, with jitter
  return Math.round(error.retryAfterMs + Math.min(backoffMs, policy.baseDelayMs));
}
