import { Logger as QueueLogger } from 'graphile-worker';
import pg from 'pg';
import type { Logger } from '#libs/service/logger.ts';
import { scrub } from '#libs/service/redaction.ts';

const STATEMENT_TIMEOUT_MS = 10_000;
/** Taking and ending a job is short; jobs use the service's own pool. */
const MAX_CONNECTIONS = 8;

export type QueuePoolOptions = {
  connectionString: string;
  applicationName?: string;
  concurrency: number;
  logger: Logger;
};

/** The queue reads ids as text, unlike our own pools. */
export function createQueuePool(options: QueuePoolOptions): pg.Pool {
  const { connectionString, applicationName, concurrency, logger } = options;
  const pool = new pg.Pool({
    connectionString,
    // One more for the connection that listens.
    max: Math.min(concurrency, MAX_CONNECTIONS) + 1,
    application_name: applicationName ?? 'inkmeter-jobs',
    statement_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // Without these listeners a broken connection would end the process.
  pool.on('error', (error) => logger.warn({ err: error }, 'idle job connection failed'));
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.debug({ err: error }, 'job connection failed'));
  });
  return pool;
}

/** The library logs every run with its payload. We log our own events, and only the library's errors. */
export function queueLogger(logger: Logger): QueueLogger {
  return new QueueLogger(() => (level, message, meta) => {
    if (level === 'error' && meta?.failure !== true)
      logger.warn({ detail: scrub(message) }, 'job worker error');
  });
}
