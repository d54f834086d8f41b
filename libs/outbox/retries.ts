/** When a failed delivery is attempted again. */
import { WEBHOOK_CHANNEL } from './deliveries.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** About a day in all. */
const WEBHOOK_PAUSES_MS = [
  5 * SECOND,
  30 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  9 * HOUR,
];

/** Channels with pauses of their own. The others fail their job, which the queue repeats with growing pauses. */
const PAUSES_MS: Readonly<Record<string, readonly number[]>> = { [WEBHOOK_CHANNEL]: WEBHOOK_PAUSES_MS };

/** Spreads the repetitions of deliveries that failed together. */
const JITTER = 0.2;

export const hasOwnPauses = (channel: string): boolean => channel in PAUSES_MS;

/**
 * The pause after a failed attempt on a channel with pauses of its own, 20 % more or less.
 *
 * @param attempts those made so far. @param random from 0 to 1.
 * @returns milliseconds; null after the last attempt.
 */
export function pauseAfter(channel: string, attempts: number, random: number = Math.random()): number | null {
  const pause = PAUSES_MS[channel]?.[attempts - 1];
  return pause === undefined ? null : Math.round(pause * (1 - JITTER + 2 * JITTER * random));
}
