import { DrizzleQueryError, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { CHANGES_CHANNEL, type Change } from '#libs/db/announce.ts';

export type Database = NodePgDatabase;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

const UNIQUE_VIOLATION = '23505';

export function createDatabase(pool: pg.Pool): Database {
  return drizzle(pool);
}

/** Tells every gateway, if and when the transaction commits. */
export async function announce(tx: Transaction, change: Change): Promise<void> {
  await tx.execute(sql`select pg_notify(${CHANGES_CHANNEL}, ${JSON.stringify(change)})`);
}

/** Whether a statement failed because this unique index has the value already. */
export function violatesUnique(error: unknown, index: string): boolean {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  return cause instanceof pg.DatabaseError && cause.code === UNIQUE_VIOLATION && cause.constraint === index;
}

/** The only row of a statement that always returns one. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('A statement that returns a row returned none.');
  return row;
}
