/** How long a response asks to wait before the next request. */

/** A sender that asks for a longer pause sent nonsense. */
const MAX_PAUSE_MS = 86_400_000;

/**
 * A number of seconds, or a date; OpenAI also sends `retry-after-ms`.
 *
 * @param header reads a header of the response.
 * @returns milliseconds, at most a day; null if it does not ask.
 */
export function readRetryAfterMs(header: (name: string) => string | null): number | null {
  const milliseconds = header('retry-after-ms');
  if (milliseconds !== null) return plausiblePause(Number(milliseconds));
  const value = header('retry-after');
  if (value === null) return null;
  if (/^\s*[\d.]+\s*$/.test(value)) return plausiblePause(Number(value) * 1000);
  if (!/[a-z]{3},? /i.test(value)) return null;
  // the sender's clock may differ from ours
  const now = Date.parse(header('date') ?? '');
  const left = Date.parse(value) - (Number.isNaN(now) ? Date.now() : now);
  return plausiblePause(Math.max(0, left));
}

/** @returns null for a number that is no duration. */
export function plausiblePause(milliseconds: number): number | null {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return null;
  return Math.min(milliseconds, MAX_PAUSE_MS);
}
