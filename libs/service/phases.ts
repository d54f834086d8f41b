import type { Logger } from './logger.ts';

/** One step of shutdown. After its deadline the next step starts. */
export type Phase = {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: () => unknown;
};

/**
 * Runs phases one after another. A phase that fails or misses its deadline is logged and abandoned: later phases
 * (closing pools, flushing logs) must run in any case.
 *
 * @returns whether every phase finished in time.
 */
export async function runPhases(phases: readonly Phase[], logger: Logger): Promise<boolean> {
  let clean = true;
  for (const phase of phases) {
    const failure = await runPhase(phase);
    if (failure === undefined) {
      logger.debug({ phase: phase.name }, 'shutdown phase done');
    } else {
      clean = false;
      logger.error({ phase: phase.name, err: failure }, 'shutdown phase failed');
    }
  }
  return clean;
}

async function runPhase({ deadlineMs, run }: Phase): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`not done after ${deadlineMs} ms`)), deadlineMs);
  });
  const work = (async () => {
    await run();
    return undefined;
  })().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
