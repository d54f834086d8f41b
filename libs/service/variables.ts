import { z } from 'zod';
import { byteSize, durationMs, httpUrl, integer, port } from '#libs/config/variables.ts';
import { LOG_LEVELS, type LogLevel } from './logger.ts';

/** APIs use ports 8080 to 8083, operations endpoints 9080 to 9083. */
const OPERATIONS_PORT_OFFSET = 1000;

/** The environment variables of every service. Spread them into the service's schema. */
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
    OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl()
      .optional()
      .describe('Receiver of traces, over OTLP and HTTP; nothing is traced without one'),
    BODY_LIMIT: byteSize().prefault('1mb').describe('Maximum request body, unless a route sets its own'),
    REQUEST_TIMEOUT: durationMs().prefault('30s').describe('Time for a client to send a whole request'),
    IDLE_TIMEOUT: durationMs().prefault('11m').describe('Maximum silence on a connection during a response'),
    EVENT_LOOP_DELAY_LIMIT: durationMs()
      .prefault('1s')
      .describe(
        'Mean event-loop delay above which requests are refused with 503 overloaded; 0ms never refuses',
      ),
    DRAIN_DELAY: durationMs()
      .prefault('0ms')
      .describe('Time to keep serving after /ready turns false, so that load balancers notice'),
    SHUTDOWN_TIMEOUT: durationMs()
      .prefault('30s')
      .describe('Time for requests in flight to finish at shutdown'),
    CLOCK_FILE: z
      .string()
      .optional()
      .describe(
        'Set by `npm start`: the file through which `npm run clock` moves the time. Refused unless HOST is a loopback address',
      ),
    MAX_CONNECTIONS: integer({ min: 0 })
      .prefault('10000')
      .describe('Maximum number of simultaneous connections to the API; 0 sets no limit'),
  };
}

/** The part of a service's configuration that the shared bootstrap uses. */
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

/** Converts the variables read by `loadConfig` to the bootstrap's configuration. */
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
