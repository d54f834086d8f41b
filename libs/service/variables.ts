import { z } from 'zod';
import { byteSize, durationMs, integer, port } from '#libs/config/variables.ts';
import { LOG_LEVELS, type LogLevel } from './logger.ts';

/** Ports 8080 to 8083 serve, 9080 to 9083 operate. */
const OPERATIONS_PORT_OFFSET = 1000;

/** The environment variables that every service understands. Spread them into the service's own schema. */
export function serviceVariables(defaultPort: number) {
  return {
    HOST: z.string().prefault('127.0.0.1').describe('Address to listen on; 0.0.0.0 inside a container'),
    PORT: port().prefault(String(defaultPort)).describe('Port of the API'),
    OPERATIONS_PORT: port()
      .optional()
      .describe(`Port of /health, /ready and /metrics; PORT + ${OPERATIONS_PORT_OFFSET} unless given`),
    LOG_LEVEL: z
      .enum(LOG_LEVELS)
      .prefault('info')
      .describe(`One of ${LOG_LEVELS.join(', ')}`),
    BODY_LIMIT: byteSize()
      .prefault('1mb')
      .describe('Largest request body accepted, unless a route says otherwise'),
    REQUEST_TIMEOUT: durationMs()
      .prefault('30s')
      .describe('How long a client may take to send a whole request'),
    IDLE_TIMEOUT: durationMs()
      .prefault('11m')
      .describe('How long a connection may stay silent while a request is answered'),
    EVENT_LOOP_DELAY_LIMIT: durationMs()
      .prefault('1s')
      .describe(
        'Mean event-loop delay above which requests are refused with 503 overloaded; 0ms never refuses',
      ),
    DRAIN_DELAY: durationMs()
      .prefault('0ms')
      .describe('How long to keep serving after /ready turned false, so that load balancers notice'),
    SHUTDOWN_TIMEOUT: durationMs()
      .prefault('30s')
      .describe('How long requests in flight may take to finish once the service is told to stop'),
    MAX_CONNECTIONS: integer({ min: 0 })
      .prefault('0')
      .describe('Most simultaneous connections to the API; 0 sets no limit'),
  };
}

/** What the shared bootstrap needs to know of a service's configuration. */
export type ServiceConfig = {
  readonly host: string;
  readonly port: number;
  readonly operationsPort: number;
  readonly logLevel: LogLevel;
  readonly bodyLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly eventLoopDelayLimitMs: number;
  readonly drainDelayMs: number;
  readonly shutdownTimeoutMs: number;
  readonly maxConnections: number;
};

type ServiceVariables = z.output<z.ZodObject<ReturnType<typeof serviceVariables>>>;

/** Turns the variables read by `loadConfig` into the bootstrap's configuration. */
export function toServiceConfig(variables: ServiceVariables): ServiceConfig {
  const { PORT, OPERATIONS_PORT } = variables;
  return {
    host: variables.HOST,
    port: PORT,
    operationsPort: OPERATIONS_PORT ?? (PORT === 0 ? 0 : PORT + OPERATIONS_PORT_OFFSET),
    logLevel: variables.LOG_LEVEL,
    bodyLimitBytes: variables.BODY_LIMIT,
    requestTimeoutMs: variables.REQUEST_TIMEOUT,
    idleTimeoutMs: variables.IDLE_TIMEOUT,
    eventLoopDelayLimitMs: variables.EVENT_LOOP_DELAY_LIMIT,
    drainDelayMs: variables.DRAIN_DELAY,
    shutdownTimeoutMs: variables.SHUTDOWN_TIMEOUT,
    maxConnections: variables.MAX_CONNECTIONS,
  };
}
