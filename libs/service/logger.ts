import { createRequire } from 'node:module';
import {
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  pino,
} from 'pino';
import { redact, serializeError } from './redaction.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The field of the request id in every log line of every service. */
export const REQUEST_ID_LABEL = 'request_id';

/** A write per line costs more than formatting it, so lines are written in short batches. */
const BUFFER_BYTES = 12_288;
const FLUSH_INTERVAL_MS = 100;

/** Options of every logger: ISO time, level by name, secrets and user content censored. */
export function loggerOptions(name: string, level: LogLevel): LoggerOptions {
  return {
    level,
    base: { service: name },
    timestamp,
    formatters: { level: (label) => ({ level: label }), bindings: redact, log: redact },
    serializers: { err: (error: unknown) => serializeError(error) },
  };
}

let stampedMs = 0;
let stamp = '';

/** Formatted once for all lines of a millisecond. */
function timestamp(): string {
  const nowMs = Date.now();
  if (nowMs !== stampedMs) {
    stampedMs = nowMs;
    stamp = `,"time":"${new Date(nowMs).toISOString()}"`;
  }
  return stamp;
}

/**
 * Writes lines of one level and message without pino's formatters, at a quarter of their cost, for the completion line
 * of every request. Nothing is censored here: pass only fields without secrets.
 */
export function createLineWriter(
  logger: Logger,
  { level, msg }: { level: Exclude<LogLevel, 'silent'>; msg: string },
): (fields: Readonly<Record<string, string | number | undefined>>) => void {
  const destination = (logger as unknown as Record<symbol, DestinationStream>)[pino.symbols.streamSym];
  const beginning = JSON.stringify({ level }).slice(0, -1);
  const bindings = JSON.stringify(logger.bindings()).slice(1, -1);
  const context = bindings === '' ? ',' : `,${bindings},`;
  const ending = `,${JSON.stringify({ msg }).slice(1)}\n`;
  return (fields) => {
    if (!logger.isLevelEnabled(level)) return;
    destination?.write(beginning + timestamp() + context + JSON.stringify(fields).slice(1, -1) + ending);
  };
}

/**
 * A logger for one request that creates pino's child at its first write. Creating one takes longer than routing, and
 * most requests log only their completion.
 */
export class RequestLogger {
  readonly #parent: Logger;
  readonly #bindings: Bindings;
  #child: Logger | undefined;

  constructor(parent: Logger, bindings: Bindings) {
    this.#parent = parent;
    this.#bindings = bindings;
  }

  get level(): string {
    return this.#parent.level;
  }

  trace(...line: Line): void {
    this.#logger().trace(...line);
  }
  debug(...line: Line): void {
    this.#logger().debug(...line);
  }
  info(...line: Line): void {
    this.#logger().info(...line);
  }
  warn(...line: Line): void {
    this.#logger().warn(...line);
  }
  error(...line: Line): void {
    this.#logger().error(...line);
  }
  fatal(...line: Line): void {
    this.#logger().fatal(...line);
  }
  child(bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return this.#logger().child(bindings, options);
  }
  silent(): void {}

  #logger(): Logger {
    this.#child ??= this.#parent.child(this.#bindings);
    return this.#child;
  }
}

type Line = [fields: unknown, message?: string];

/**
 * A service's logger. Lines are JSON and written asynchronously; on a terminal they are coloured text, if pino-pretty
 * is installed.
 *
 * @param options.destination receives the lines instead of standard output, for tests.
 */
export function createLogger(options: {
  name: string;
  level: LogLevel;
  destination?: DestinationStream;
}): Logger {
  const { name, level, destination = standardOutput() } = options;
  return pino(loggerOptions(name, level), destination);
}

/** Resolves when every line has been written. */
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
      // A development dependency, absent after `npm ci --omit=dev`.
    }
  }
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
    contentMode: 'buffer',
  });
  // Of texts, everything that waits would be measured again at each line.
  const write = destination.write.bind(destination) as (line: Buffer | string) => boolean;
  destination.write = (line) => write(Buffer.from(line));
  return destination;
}
