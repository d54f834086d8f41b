/**
 * The clock of this process: the machine's, except in a local installation, where `npm run clock` moves it forward. Every
 * process of the installation reads the same file and moves at the same instant of the machine's clock.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** How far the clock is ahead, from `movesAtMs` of the machine's clock on, and before. */
export type ClockPosition = { aheadMs: number; previousAheadMs: number; movesAtMs: number };

/** Far below the notice that a move gives, so that each process has read the file when it happens. */
const POLL_MS = 250;
export const MOVE_NOTICE_MS = 1_000;
const LOOPBACK_HOSTS = ['127.0.0.1', '::1', 'localhost'];

let position: ClockPosition | null = null;

/** How far this process is ahead of the machine. */
export function clockAheadMs(): number {
  if (position === null) return 0;
  return Date.now() < position.movesAtMs ? position.previousAheadMs : position.aheadMs;
}

export function systemNow(): Date {
  return position === null ? new Date() : new Date(Date.now() + clockAheadMs());
}

/** The time for the database, whose own clock is not moved; null where that clock decides. */
export function movedNow(): Date | null {
  return clockAheadMs() === 0 ? null : systemNow();
}

/**
 * Takes the time of this process from a file, for as long as it runs.
 *
 * @param host where the process listens.
 * @throws TypeError for a host that other machines reach: only a local installation may move its clock.
 */
export function followClock(file: string, host: string): void {
  if (!LOOPBACK_HOSTS.includes(host)) {
    throw new TypeError(
      `CLOCK_FILE moves the clock of a local installation. It is refused with HOST=${host}.`,
    );
  }
  position = readPosition(file);
  // Read, not watched: a watcher does not see a change before its own first look.
  setInterval(() => {
    position = readPosition(file);
  }, POLL_MS).unref();
}

/** Where the clock is according to a file; at the machine's time without one. */
export function readPosition(file: string): ClockPosition {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return { aheadMs: 0, previousAheadMs: 0, movesAtMs: 0 };
  }
  return JSON.parse(text) as ClockPosition;
}

/** Moves the clock forward. @returns the position, which takes effect at `movesAtMs`. */
export function writeMove(file: string, byMs: number): ClockPosition {
  if (!Number.isSafeInteger(byMs) || byMs < 0)
    throw new RangeError(`A clock only moves forward: ${byMs} ms.`);
  const { aheadMs } = readPosition(file);
  const moved = {
    aheadMs: aheadMs + byMs,
    previousAheadMs: aheadMs,
    movesAtMs: Date.now() + MOVE_NOTICE_MS,
  };
  // Renamed, so that no process reads half of it.
  writeFileSync(`${file}.next`, JSON.stringify(moved));
  renameSync(`${file}.next`, file);
  return moved;
}
