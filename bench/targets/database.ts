import type { Pool } from 'pg';
import { createPool } from '#libs/db/pool.ts';

/** Runs a function with a connection to a system's database. */
export async function withDatabase<Result>(
  connectionString: string,
  use: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const pool = createPool({
    connectionString,
    max: 1,
    applicationName: 'inkmeter-bench',
    statementTimeoutMs: 60_000,
  });
  return await use(pool).finally(() => pool.end());
}
