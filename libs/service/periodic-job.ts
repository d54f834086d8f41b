import type { Logger } from './logger.ts';

export type PeriodicJob = {
  /** Runs at once, then again an interval after each run has ended. */
  readonly start: () => void;
  /** Begins no further run and resolves when the running one has ended. */
  readonly stop: () => Promise<void>;
  /** One run, now; fails if the run fails. For tests and for whoever wants it done before going on. */
  readonly runOnce: () => Promise<void>;
};

/**
 * Work that repeats for as long as a service lives. Runs never overlap; one that fails is logged, and the next comes
 * at its time. The signal is aborted by `stop`, so that a long run can end early.
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
