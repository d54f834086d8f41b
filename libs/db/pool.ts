import pg from 'pg';

export type PoolOptions = {
  connectionString: string;
  /** Connections at most. */
  max: number;
  /** Shown in `pg_stat_activity`, so that operators see whose session it is. */
  applicationName: string;
  /** A statement that runs longer is cancelled by the server; when no answer comes at all, it fails a second later. */
  statementTimeoutMs: number;
  /** How long a caller waits for a connection before it fails; 5 s by default. */
  connectTimeoutMs?: number;
  /** Called when an idle connection breaks. The pool replaces it; callers are not affected. */
  onIdleError?: (error: Error) => void;
};

/** How much longer than the server's own limit the client waits for the result of a statement. */
const CLIENT_MARGIN_MS = 1_000;

const { INT8 } = pg.types.builtins;
/** `bigint[]` has no name among pg's builtins (pg_type.dat, OID 1016). */
const INT8_ARRAY = 1016;

/** One dimension is all we store; integers need no quoting, so a split is a parse. */
const parseInt8Array = (text: string): (bigint | null)[] =>
  text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((item) => (item === 'NULL' ? null : BigInt(item)));

const parsers = new Map<number, (text: string) => unknown>([
  [INT8, BigInt],
  [INT8_ARRAY, parseInt8Array],
]);

/**
 * How the raw driver reads values: `bigint` as JavaScript bigint (money and token counts outgrow doubles),
 * `timestamptz` as Date, `numeric` left as text. Drizzle converts by column instead and is not affected.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    (format === 'binary' ? undefined : parsers.get(oid)) ?? pg.types.getTypeParser(oid, format),
};

/** A connection pool. The caller ends it with `pool.end()`. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max,
    application_name: options.applicationName,
    statement_timeout: options.statementTimeoutMs,
    // A server that is frozen cancels nothing: the client gives up a little later.
    query_timeout: options.statementTimeoutMs === 0 ? 0 : options.statementTimeoutMs + CLIENT_MARGIN_MS,
    // A transaction left open by a caller that lost its way must not hold locks for ever.
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    types: typeParsers,
  });
  // Without these listeners a connection that breaks, idle or in a transaction, would end the process.
  pool.on('error', (error) => options.onIdleError?.(error));
  // The statement that was running fails with the same error.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
