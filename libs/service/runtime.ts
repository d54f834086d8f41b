import { randomUUIDv7 } from 'node:crypto';

/** Where time comes from. Nothing else reads the wall clock, so tests can stand still. */
export type Clock = { readonly now: () => Date };

/** Everything a service takes from the world that differs between two runs. */
export type Runtime = {
  readonly clock: Clock;
  /** A fresh UUID v7: unique, and roughly ordered by time, which keeps database indexes dense. */
  readonly newId: () => string;
  /** Uniform in [0, 1), for jitter and sampling. Never for secrets. */
  readonly random: () => number;
};

export const systemRuntime: Runtime = {
  clock: { now: () => new Date() },
  newId: () => randomUUIDv7(),
  random: Math.random,
};
