import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '#libs/service/logger.ts';
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

/** A worker as one replica has it, but impatient. The caller starts it; teardown stops it. */
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

/** Waits for a state of the database that no event reports. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}
