import { problem } from '#libs/problems/problems.ts';

const RETRY_AFTER_SECONDS = 2;

/** Runs expensive work in turn. @throws ProblemError `overloaded` at once when too much of it waits. */
export type HashQueue = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** @param options how many pieces of work run at once, and how many may wait for them. */
export function createHashQueue(options: { running: number; waiting: number }): HashQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async (work) => {
    if (running >= options.running) {
      if (waiting.length >= options.waiting) {
        throw problem('overloaded', { headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
      }
      // The one that ends passes its place on, so that nothing that comes later overtakes.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
