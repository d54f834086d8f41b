/** When a failed delivery to a receiver is attempted again. */
import { RefusedDeliveryError, SLACK_CHANNEL, WEBHOOK_CHANNEL } from './deliveries.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const PAUSES_MS: Readonly<Record<string, readonly number[]>> = {
  // About a day in all.
  [WEBHOOK_CHANNEL]: [
    5 * SECOND,
    30 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    9 * HOUR,
  ],
  // About three hours: an older message helps no one.
  [SLACK_CHANNEL]: [5 * SECOND, 30 * SECOND, 5 * MINUTE, 30 * MINUTE, HOUR, HOUR],
};

/** Spreads the repetitions of deliveries that failed together. */
const JITTER = 0.2;
/** A receiver that asks for a longer pause gets this one. */
const MAX_REQUESTED_PAUSE_MS = HOUR;

/** The pause that a receiver asked for and gets, in milliseconds; null if it asked for none. */
export function requestedPause(error: unknown): number | null {
  if (!(error instanceof RefusedDeliveryError)) return null;
  return error.retryAfterMs ? Math.min(error.retryAfterMs, MAX_REQUESTED_PAUSE_MS) : null;
}

/**
 * The pause after a failed attempt, 20 % more or less, or the longer one that the receiver asked for.
 *
 * @param attempts those made so far. @param requestedMs bounded. @param random from 0 to 1.
 * @returns milliseconds; null after the last attempt.
 */
export function pauseAfter(
  channel: string,
  attempts: number,
  requestedMs: number | null = null,
  random: number = Math.random(),
): number | null {
  const pause = PAUSES_MS[channel]?.[attempts - 1];
  if (pause === undefined) return null;
  const spread = Math.round(pause * (1 - JITTER + 2 * JITTER * random));
  return Math.max(spread, requestedMs ?? 0);
}
