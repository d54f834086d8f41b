import { Pool } from 'undici';

export type ServicePoolOptions = {
  /** Most simultaneous connections; requests beyond wait in line. */
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  /** Longest wait for the first byte of an answer. */
  readonly headersTimeoutMs?: number;
  /** Longest silence inside an answer. */
  readonly bodyTimeoutMs?: number;
};

/** A burst of requests opens as many; idle connections cost next to nothing. */
const CONNECTIONS = 4_096;
const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 660_000;

/** Shorter than the 72 s after which our servers drop an idle connection, so that none is dropped while being reused. */
const KEEP_ALIVE_TIMEOUT_MS = 60_000;

/**
 * Connections are renewed now and then, so that new replicas behind one address get their share. Not by their age: then
 * undici reads the clock for every busy connection whenever it looks for a free one.
 */
const REQUESTS_PER_CONNECTION = 10_000;

/** Errors before a request has left: another process may take it. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether a request that failed with this was never sent. */
export function isNotSent(error: unknown): boolean {
  return NOT_SENT.has((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Keep-alive connections to one origin. One request at a time per connection: a slow answer must not delay the ones
 * behind it.
 */
export function createServicePool(url: string, options: ServicePoolOptions = {}): Pool {
  return new Pool(new URL(url).origin, {
    connections: options.connections ?? CONNECTIONS,
    pipelining: 1,
    connect: { timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS },
    headersTimeout: options.headersTimeoutMs ?? ANSWER_TIMEOUT_MS,
    bodyTimeout: options.bodyTimeoutMs ?? ANSWER_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerClient: REQUESTS_PER_CONNECTION,
  });
}
