import type { Clock, Runtime } from '#libs/service/runtime.ts';
import { createSequentialIds } from './ids.ts';

export type FakeClock = Clock & {
  /** Moves time forward, or backward by a negative duration. */
  advance: (durationMs: number) => void;
  /** Sets the time. */
  set: (moment: Date | string) => void;
};

/** A clock that moves only when the test moves it. */
export function createFakeClock(start: Date | string = '2026-11-20T12:00:00.000Z'): FakeClock {
  let nowMs = new Date(start).getTime();
  return {
    now: () => new Date(nowMs),
    advance: (durationMs) => {
      nowMs += durationMs;
    },
    set: (moment) => {
      nowMs = new Date(moment).getTime();
    },
  };
}

/** Uniform in [0, 1) and the same on every run (mulberry32). */
export function createFakeRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A deterministic runtime: still time, sequential ids, repeatable randomness. */
export function createFakeRuntime(
  options: { start?: Date | string; idGroup?: number } = {},
): Runtime & { clock: FakeClock } {
  return {
    clock: createFakeClock(options.start),
    newId: createSequentialIds(options.idGroup),
    random: createFakeRandom(),
  };
}
