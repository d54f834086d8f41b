import { DrizzleQueryError, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase, type NodePgQueryResultHKT } from 'drizzle-orm/node-postgres';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { CHANGES_CHANNEL, type Change } from '#libs/db/notify.ts';
import type { Connection } from '#libs/db/transaction.ts';

export type Database = NodePgDatabase;
/** Either a transaction of Drizzle's, or statements on a connection that somebody else's transaction is open on. */
export type Transaction = PgDatabase<NodePgQueryResultHKT>;

const UNIQUE_VIOLATION = '23505';

export function createDatabase(pool: pg.Pool): Database {
  return drizzle(pool);
}

/** Drizzle on a connection whose transaction is somebody else's to end. */
export function onConnection(connection: Connection): Transaction {
  return drizzle(connection);
}

/** Tells every gateway, if and when the transaction commits. */
export async function notify(tx: Transaction, change: Change): Promise<void> {
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
