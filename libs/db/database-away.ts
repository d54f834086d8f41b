/** Connections that were refused, broke, or could not be had (Node's codes). */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);
/** SQLSTATEs of a server that is stopping, starting or full, and of a lock that could not be had in time (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
const AWAY_STATES = /^(08|53|55P03|57P0[1-3])/;
/** What the driver says without any code. */
const DRIVER_WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;
const MAX_CAUSES = 5;

/**
 * Whether a query failed because the database could not be reached or could not serve, and not because of the query.
 * Pass only errors of queries: other connections fail with the same codes.
 */
export function isDatabaseAway(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    const { code } = current as NodeJS.ErrnoException;
    if (typeof code === 'string' && (CONNECTION_CODES.has(code) || AWAY_STATES.test(code))) return true;
    if (DRIVER_WORDS.test(current.message)) return true;
    current = current.cause;
  }
  return false;
}
