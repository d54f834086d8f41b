import { Pool } from 'undici';

export type ServicePoolOptions = {
  /** Maximum connections; further requests wait. */
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  /** Longest wait for the first byte of a response. */
  readonly headersTimeoutMs?: number;
  /** Longest pause inside a response. */
  readonly bodyTimeoutMs?: number;
};

/** Enough for a burst of requests; idle connections are cheap. */
const CONNECTIONS = 4_096;
const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 660_000;

/** Shorter than the 72 s after which our servers close an idle connection, so that none is closed while being reused. */
const KEEP_ALIVE_TIMEOUT_MS = 60_000;

/**
 * Connections are replaced after this many requests, so that new replicas behind one address get their share. An age limit
 * would cost more: undici then reads the clock for every busy connection when it looks for a free one.
 */
const REQUESTS_PER_CONNECTION = 10_000;

/** Errors that occur before a request is sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether an error means that the request was never sent, so that it can safely be sent again. */
export function isNotSent(error: unknown): boolean {
  return NOT_SENT.has((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/**
 * Keep-alive connections to one origin. Each carries one request at a time, so that a slow response does not delay others.
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
