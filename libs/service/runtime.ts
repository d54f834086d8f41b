import { randomUUIDv7 } from 'node:crypto';
import { systemNow } from './system-clock.ts';

/** The source of time. Code reads the wall clock only through it, so tests can control it. */
export type Clock = { readonly now: () => Date };

/** The sources of time, ids and randomness of a service. */
export type Runtime = {
  readonly clock: Clock;
  /** A new UUID v7: unique, and roughly ordered by time, which keeps database indexes dense. */
  readonly newId: () => string;
  /** Uniform in [0, 1), for jitter and sampling. Never for secrets. */
  readonly random: () => number;
};

export const systemRuntime: Runtime = {
  clock: { now: systemNow },
  newId: () => randomUUIDv7(),
  random: Math.random,
};
