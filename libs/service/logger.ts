import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { redact, serializeError } from './redaction.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The name under which one request's id stands in every line, in every service. */
export const REQUEST_ID_LABEL = 'request_id';

/** One write per line costs more than everything else about it; so lines wait for company, but not long. */
const BUFFER_BYTES = 4_096;
const FLUSH_INTERVAL_MS = 100;

/** Options of every logger of ours: ISO time, level by name, secrets and user content censored. */
export function loggerOptions(name: string, level: LogLevel): LoggerOptions {
  return {
    level,
    base: { service: name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }), bindings: redact, log: redact },
    serializers: { err: (error: unknown) => serializeError(error) },
  };
}

/**
 * A service's logger. Lines are JSON and written asynchronously; on a terminal they are coloured text, if pino-pretty
 * is installed.
 *
 * @param options.destination where lines go instead of standard output; tests read them there.
 */
export function createLogger(options: {
  name: string;
  level: LogLevel;
  destination?: DestinationStream;
}): Logger {
  const { name, level, destination = standardOutput() } = options;
  return pino(loggerOptions(name, level), destination);
}

/** Waits until every line has reached its destination. */
export function flushLogger(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()));
}

function standardOutput(): DestinationStream {
  if (process.stdout.isTTY) {
    const require = createRequire(import.meta.url);
    try {
      const pretty = require('pino-pretty') as (options: object) => DestinationStream;
      return pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' });
    } catch {
      // a development dependency, absent where only `npm ci --omit=dev` ran
    }
  }
  return pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
  });
}
