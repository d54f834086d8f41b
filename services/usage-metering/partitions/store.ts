import pg from 'pg';
import type { Database } from '#libs/db/database.ts';
import { dayOf } from '../usage/domain/usage-report.ts';

const DUPLICATE_TABLE = '42P07';

/** Creates missing partitions of usage rows, from the month of `from` on, with a ledger function. @returns how many. */
export async function ensurePartitions(database: Database, from: Date, months: number): Promise<number> {
  try {
    const { rows } = await database.$client.query<{ created: number }>(
      'SELECT ledger_ensure_partitions($1::date, $2) AS created',
      [dayOf(from), months],
    );
    return rows[0]?.created ?? 0;
  } catch (error) {
    // A run on another replica created them first.
    if (error instanceof pg.DatabaseError && error.code === DUPLICATE_TABLE) return 0;
    throw error;
  }
}
