import pg from 'pg';
import { dayOf } from '../usage/domain.ts';

const DUPLICATE_TABLE = '42P07';

/** Makes missing partitions of usage rows, from the month of `from` on. @returns how many were missing. */
export async function ensurePartitions(pool: pg.Pool, from: Date, months: number): Promise<number> {
  try {
    const { rows } = await pool.query<{ created: number }>(
      'SELECT ledger_ensure_partitions($1::date, $2) AS created',
      [dayOf(from), months],
    );
    return rows[0]?.created ?? 0;
  } catch (error) {
    // Another replica was quicker: what was to be made is there.
    if (error instanceof pg.DatabaseError && error.code === DUPLICATE_TABLE) return 0;
    throw error;
  }
}
