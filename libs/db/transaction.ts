import type { Pool, PoolClient } from 'pg';

/** One connection, inside a transaction that whoever hands it out commits or rolls back. */
export type Connection = PoolClient;

/** Runs work on one connection inside a transaction, which commits when the work resolves and rolls back otherwise. */
export async function transaction<Result>(
  pool: Pool,
  work: (client: Connection) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => {
      // A connection that cannot even roll back is not given to the next caller.
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
