import type pg from 'pg';
import type { Pool as HttpPool } from 'undici';
import type { z } from 'zod';
import {
  createInternalIdentity,
  type InternalIdentity,
  type SignIdentity,
} from '#libs/auth/internal-identity.ts';
import { createInternalClient, type InternalClient } from '#libs/clients/internal-client.ts';
import { type ConfigSchema, loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createListener, type Listener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { assertServerVersion } from '#libs/db/server-version.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createJobs, type JobsOptions } from '#libs/jobs/jobs.ts';
import type { Task } from '#libs/jobs/task.ts';
import type { backendVariables } from './backend-variables.ts';
import type { ServiceApp } from './create-service.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { ReadinessChecks } from './operations-server.ts';
import { runService } from './run-service.ts';
import { type Runtime, systemRuntime } from './runtime.ts';
import { followClock } from './system-clock.ts';
import { startTracing } from './tracing.ts';
import { type ServiceConfig, type serviceVariables, toServiceConfig } from './variables.ts';

type SharedVariables = z.output<
  z.ZodObject<ReturnType<typeof serviceVariables> & ReturnType<typeof backendVariables>>
>;

/** A service's schema: the shared variables and its own. */
export type ServiceSchema = ConfigSchema & z.ZodType<SharedVariables>;

/** Another service, over HTTP: signed calls through `client`, forwarded requests through `pool`. */
export type Backend = {
  readonly client: InternalClient;
  readonly pool: HttpPool;
  readonly sign: SignIdentity;
};

/** What every service is built from. The bootstrap closes everything it opened. */
export type ServiceContext<Variables> = {
  readonly variables: Variables;
  readonly service: ServiceConfig;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly pool: pg.Pool;
  readonly identity: InternalIdentity;
  /** One more database pool of at most `max` connections. */
  readonly openPool: (purpose: string, max: number) => pg.Pool;
  /** The connection for notifications; `/ready` fails while it is down. */
  readonly openListener: () => Listener;
  readonly connectTo: (service: ServiceName, url: string) => Backend;
  /** Calls `close` at shutdown, after the last request. */
  readonly closeAtEnd: (close: () => unknown) => void;
};

export type BuiltService = {
  readonly app: ServiceApp;
  /** Run from the shared job queue, in the same time span as `jobs`. */
  readonly tasks?: readonly Task[];
  /** How many of them run at the same time, and how long the running ones may take when the service stops. */
  readonly taskOptions?: Pick<JobsOptions, 'concurrency' | 'stopMs'>;
  /** Tasks that wait for servers of others: they have places of their own, so that they delay none of `tasks`. */
  readonly waitingTasks?: { readonly tasks: readonly Task[]; readonly concurrency: number };
  /** Run from the moment the service listens until it begins to stop. */
  readonly jobs?: readonly BackgroundJob[];
  /** Checks for `/ready`, in addition to the database and the listener. */
  readonly readiness?: ReadinessChecks;
  /** Conditions that `/ready` reports as `degraded`, by name; empty if there is none. */
  readonly conditions?: () => Readonly<Record<string, string>>;
  /** Runs when the service begins to stop, before requests in flight are awaited. */
  readonly onStop?: () => unknown;
  /** Runs after the last request: flushes state that is still in memory. */
  readonly flush?: () => unknown;
};

/** Work outside requests. `stop` resolves when the running piece has ended. */
export type BackgroundJob = { readonly start: () => unknown; readonly stop: () => unknown };

/**
 * The main function of a service: reads its configuration, opens the shared resources, builds the app, and runs it
 * until the process is asked to stop. See `runService` for the order of shutdown and the exit codes.
 */
export async function startService<Schema extends ServiceSchema>(options: {
  readonly name: ServiceName;
  readonly configSchema: Schema;
  readonly build: (context: ServiceContext<z.output<Schema>>) => BuiltService | Promise<BuiltService>;
}): Promise<void> {
  const { name, configSchema, build } = options;
  loadDotEnv();
  const variables: z.output<Schema> = loadConfig(configSchema, processEnv());
  const service = toServiceConfig(variables);
  if (variables.CLOCK_FILE !== undefined) followClock(variables.CLOCK_FILE, service.host);
  const logger = createLogger({ name, level: service.logLevel });
  const endpoint = variables.OTEL_EXPORTER_OTLP_ENDPOINT;
  const traces = endpoint === undefined ? undefined : await startTracing(name, endpoint);
  const metrics = createMetrics({ service: name });
  const resources = openResources(name, variables, logger);
  const built = await build({
    variables,
    service,
    runtime: systemRuntime,
    logger,
    metrics,
    ...resources.opened,
  });
  const { app, tasks = [], taskOptions, waitingTasks } = built;
  const workers = [{ ...taskOptions, tasks }, ...(waitingTasks === undefined ? [] : [waitingTasks])];
  const jobs: BackgroundJob[] = [...(built.jobs ?? [])];
  for (const worker of workers.filter((one) => one.tasks.length > 0)) {
    jobs.push(
      createJobs({
        ...worker,
        connectionString: variables.DATABASE_DIRECT_URL ?? variables.DATABASE_URL,
        applicationName: `inkmeter-${name}-jobs`,
        logger,
        metrics,
      }),
    );
  }

  await runService({
    name,
    config: service,
    logger,
    metrics,
    app,
    readiness: { ...resources.readiness, ...built.readiness },
    ...(built.conditions && { conditions: built.conditions }),
    lifecycle: {
      startJobs: async () => {
        for (const job of jobs) await job.start();
      },
      stopJobs: () => Promise.all([built.onStop?.(), ...jobs.map((job) => job.stop())]),
      flush: () => built.flush?.(),
      closePools: async () => {
        await resources.close();
        await traces
          ?.shutdown()
          .catch((error: unknown) => logger.warn({ err: error }, 'traces not exported'));
      },
    },
  });
}

function openResources(name: ServiceName, variables: SharedVariables, logger: Logger) {
  const { DATABASE_URL: connectionString, STATEMENT_TIMEOUT: statementTimeoutMs } = variables;
  const { now } = systemRuntime.clock;
  const identity = createInternalIdentity({ service: name, keys: variables.INTERNAL_KEYS, now });
  const closers: (() => unknown)[] = [];
  const readiness: Record<string, () => Promise<unknown>> = {};

  const open = (applicationName: string, max: number) => {
    const pool = createPool({
      connectionString,
      max,
      applicationName,
      statementTimeoutMs,
      onIdleError: (error) => logger.warn({ err: error }, 'idle database connection failed'),
    });
    closers.push(() => pool.end());
    return pool;
  };
  const pool = open(`inkmeter-${name}`, variables.DATABASE_POOL_SIZE);
  readiness.database = () => assertServerVersion(pool);

  const opened = {
    pool,
    identity,
    openPool: (purpose: string, max: number) => open(`inkmeter-${name}-${purpose}`, max),
    openListener: () => {
      const listener = createListener({
        connectionString: variables.DATABASE_DIRECT_URL ?? connectionString,
        applicationName: `inkmeter-${name}-listen`,
        onError: (error) => logger.warn({ err: error }, 'listening database connection failed'),
      });
      closers.push(() => listener.close());
      readiness.notifications = async () => {
        if (!listener.isConnected()) throw new Error('The listening connection is down.');
      };
      return listener;
    },
    connectTo: (service: ServiceName, url: string): Backend => {
      const sign = identity.signFor(service);
      const httpPool = createServicePool(url);
      closers.push(() => httpPool.close());
      return { pool: httpPool, sign, client: createInternalClient({ pool: httpPool, sign }) };
    },
    closeAtEnd: (close: () => unknown) => {
      closers.push(close);
    },
  };
  return { opened, readiness, close: () => Promise.all(closers.map((close) => close())) };
}
