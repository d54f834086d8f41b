import type { ServiceApp } from './create-service.ts';
import { flushLogger, type Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { createOperationsServer, type ReadinessChecks } from './operations-server.ts';
import { type Phase, runPhases } from './phases.ts';
import type { ServiceConfig } from './variables.ts';

/** Hooks around serving requests. Each runs in its own phase; all are optional. */
export type Lifecycle = {
  /** After the API listens. */
  readonly startJobs?: () => unknown;
  /** Starts no new job and waits for running ones. */
  readonly stopJobs?: () => unknown;
  /** After the last request: settlements and anything else still in memory. */
  readonly flush?: () => unknown;
  /** Last: database and HTTP pools. Also runs when the start failed. */
  readonly closePools?: () => unknown;
};

export type RunOptions = {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly app: ServiceApp;
  readonly readiness: ReadinessChecks;
  /** Conditions that `/ready` reports as `degraded`, by name. */
  readonly conditions?: () => Readonly<Record<string, string>>;
  readonly lifecycle?: Lifecycle;
};

export const EXIT_CODES = { clean: 0, failed: 1, killed: 130 } as const;

const JOBS_DEADLINE_MS = 10_000;
const FLUSH_DEADLINE_MS = 10_000;
const POOLS_DEADLINE_MS = 5_000;
const LAST_DEADLINE_MS = 2_000;

/**
 * Runs a service until a stop signal, then ends the process: with 0 after a clean shutdown, with 1 if the start or a
 * shutdown phase failed or an exception was not caught.
 *
 * SIGTERM and SIGINT begin an orderly shutdown; a second one ends the process at once. The end of a parent process with
 * an IPC channel also begins an orderly shutdown, so that a dead supervisor has no orphans.
 */
export async function runService(options: RunOptions): Promise<void> {
  const { name, config, logger, metrics, app, readiness, conditions, lifecycle = {} } = options;
  const operations = createOperationsServer({
    name,
    logger,
    metrics,
    readiness,
    ...(conditions && { conditions }),
  });

  const phases: Phase[] = [
    {
      name: 'readiness off',
      deadlineMs: config.drainDelayMs + LAST_DEADLINE_MS,
      run: async () => {
        operations.setServing(false);
        await new Promise((resolve) => setTimeout(resolve, config.drainDelayMs));
      },
    },
    { name: 'stop jobs', deadlineMs: JOBS_DEADLINE_MS, run: () => lifecycle.stopJobs?.() },
    { name: 'finish requests', deadlineMs: config.shutdownTimeoutMs, run: () => app.close() },
    // Streams that outlived the previous phase end as if their clients had disconnected.
    { name: 'drop connections', deadlineMs: LAST_DEADLINE_MS, run: () => app.server.closeAllConnections() },
    { name: 'flush', deadlineMs: FLUSH_DEADLINE_MS, run: () => lifecycle.flush?.() },
    { name: 'close pools', deadlineMs: POOLS_DEADLINE_MS, run: () => lifecycle.closePools?.() },
    { name: 'close operations', deadlineMs: LAST_DEADLINE_MS, run: () => operations.close() },
  ];

  let stopping = false;
  const stop = async (reason: string, exitCode: number) => {
    stopping = true;
    logger.info({ reason }, `${name} is stopping`);
    const clean = await runPhases(phases, logger);
    logger.info({ clean }, `${name} has stopped`);
    await runPhases(
      [{ name: 'flush logs', deadlineMs: LAST_DEADLINE_MS, run: () => flushLogger(logger) }],
      logger,
    );
    process.exit(clean ? exitCode : EXIT_CODES.failed);
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(EXIT_CODES.killed);
      void stop(signal, EXIT_CODES.clean);
    });
  }
  process.once('disconnect', () => {
    if (!stopping) void stop('parent process gone', EXIT_CODES.clean);
  });
  process.on('uncaughtException', (error, origin) => {
    logger.fatal({ err: error, origin }, 'uncaught exception');
    if (!stopping) void stop(origin, EXIT_CODES.failed);
  });

  try {
    const operationsPort = await operations.listen(config.operationsPort, config.host);
    await app.listen({ port: config.port, host: config.host });
    await lifecycle.startJobs?.();
    if (stopping) return;
    operations.setServing(true);
    const address = app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : config.port;
    logger.info({ host: config.host, port, operations_port: operationsPort }, `${name} is ready`);
  } catch (error) {
    if (stopping) return;
    logger.fatal({ err: error }, `${name} could not start`);
    await stop('start failed', EXIT_CODES.failed);
  }
}
