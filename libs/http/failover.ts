/** Runs `attempt` against one target after the other until one succeeds. */
export type Failover<Target> = <Result>(
  attempt: (target: Target) => Promise<Result> | Result,
) => Promise<Result>;

/**
 * Failover over the processes of a service. Calls start at each target in turn, and each call tries every target at most
 * once, even if other calls run at the same time.
 *
 * @param mayRetry whether an attempt that failed with this error may be repeated elsewhere; always, by default.
 * @returns a function that rejects with the last error.
 */
export function createFailover<Target>(
  targets: readonly Target[],
  mayRetry: (error: unknown) => boolean = () => true,
): Failover<Target> {
  let next = 0;
  return async (attempt) => {
    const first = next;
    next = (next + 1) % targets.length;
    let lastError: unknown;
    for (let tried = 0; tried < targets.length; tried += 1) {
      try {
        return await attempt(targets[(first + tried) % targets.length] as Target);
      } catch (error) {
        lastError = error;
        if (!mayRetry(error)) break;
      }
    }
    throw lastError ?? new Error('There are no targets.');
  };
}
