import type { Logger } from './logger.ts';

export type PeriodicJob = {
  /** Runs at once, then an interval after the end of each run. */
  readonly start: () => void;
  /** Starts no further run and resolves when the current one has ended. */
  readonly stop: () => Promise<void>;
  /** Runs once, now; rejects if the run fails. */
  readonly runOnce: () => Promise<void>;
};

/**
 * Work that repeats while a service runs. Runs never overlap; a failed one is logged, and the next starts on time.
 * `stop` aborts the signal, so that a long run can end early.
 */
export function createPeriodicJob(options: {
  name: string;
  intervalMs: number;
  logger: Logger;
  run: (signal: AbortSignal) => Promise<void>;
}): PeriodicJob {
  const { name, intervalMs, logger, run } = options;
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  function tick(): void {
    running = run(stopping.signal)
      .catch((error: unknown) => logger.error({ err: error, job: name }, 'job failed'))
      .then(() => {
        if (!stopping.signal.aborted) timer = setTimeout(tick, intervalMs);
      });
  }

  return {
    start: tick,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
    runOnce: () => run(stopping.signal),
  };
}
