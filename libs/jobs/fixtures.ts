import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, type Logger } from '#libs/service/logger.ts';
import { createMetrics, type Metrics } from '#libs/service/metrics.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { createJobs, type Jobs, type JobsOptions } from './jobs.ts';
import type { Task } from './task.ts';

export type TestJobs = {
  jobs: Jobs;
  metrics: Metrics;
  /** Lines logged so far. */
  lines: Record<string, unknown>[];
};

/** The worker of one replica, with a short poll. The caller starts it; teardown stops it. */
export function createTestJobs(
  t: TestScope,
  connectionString: string,
  tasks: readonly Task[],
  options: Partial<JobsOptions> = {},
): TestJobs {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ service: 'test', processMetrics: false });
  const jobs = createJobs({
    connectionString,
    tasks,
    logger,
    metrics,
    pollMs: 50,
    stopMs: 1_000,
    ...options,
  });
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await jobs.stop();
  };
  t.teardown(stop);
  return { jobs: { start: jobs.start, stop }, metrics, lines };
}

/** Runs one of the tasks now and in this process, without a worker. Rejects if the run fails. */
export async function runTaskOnce(
  tasks: readonly Task[],
  name: string,
  payload: object,
  logger: Logger,
): Promise<void> {
  const task = tasks.find((one) => one.name === name);
  if (task === undefined) throw new Error(`There is no task "${name}".`);
  await task.run(task.schema.parse(payload), { signal: new AbortController().signal, logger });
}

/** Waits for a state of the database that no event reports. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}
