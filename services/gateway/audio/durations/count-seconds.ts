/** The true duration of a recording: counted by what players play, because a header may state less. */
import { mp3Seconds } from '#libs/pipelines/mp3.ts';
import { flacSeconds } from './flac.ts';
import { mp4Seconds } from './mp4.ts';
import { oggSeconds } from './ogg.ts';
import { wavSeconds } from './wav.ts';
import { webmSeconds } from './webm.ts';

const COUNTERS: readonly (readonly [RegExp, (bytes: Buffer) => number | null])[] = [
  [/mpeg/, mp3Seconds],
  [/wav/, wavSeconds],
  [/flac/, flacSeconds],
  [/ogg|opus/, oggSeconds],
  [/webm/, webmSeconds],
  [/mp4|m4a/, mp4Seconds],
];

/** @param type as detected. @returns null if the seconds cannot be counted. */
export function countSeconds(bytes: Buffer, type: string): number | null {
  const [, count] = COUNTERS.find(([pattern]) => pattern.test(type)) ?? [];
  // The sum of many fractions is not exact.
  const seconds = Math.round((count?.(bytes) ?? 0) * 1_000_000) / 1_000_000;
  return seconds > 0 && Number.isFinite(seconds) ? seconds : null;
}
