/** Drizzle on node-postgres: the one way in which services read and write their tables. */
import { DrizzleQueryError } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';

/** Statements on a pool: each may run on another connection and commits by itself. */
export type Database = NodePgDatabase & { $client: pg.Pool };
/** Statements inside one open transaction. `$client` is its connection, for the ledger's raw SQL. */
export type Tx = NodePgDatabase & { $client: pg.PoolClient };
/** For reads that work on a pool and inside a transaction alike. */
export type Queryable = Database | Tx;

const UNIQUE_VIOLATION = '23505';

export function createDatabase(pool: pg.Pool): Database {
  return drizzle(pool);
}

/**
 * Runs `work` in a transaction that commits when `work` resolves and rolls back when it rejects.
 *
 * @throws what `work` throws, and the driver's errors.
 */
export async function transaction<Result>(
  database: Database,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  const client = await database.$client.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(drizzle(client));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => {
      // A connection that cannot roll back must not return to the pool.
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Whether a statement failed because this unique index already has the value. */
export function violatesUnique(error: unknown, index: string): boolean {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  return cause instanceof pg.DatabaseError && cause.code === UNIQUE_VIOLATION && cause.constraint === index;
}

/** The only row of a statement that always returns one. @throws Error when there is none. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('A statement that returns one row returned none.');
  return row;
}
