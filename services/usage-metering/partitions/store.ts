import type { Database } from '#libs/db/database.ts';
import { dayOf } from '../usage/domain/usage-report.ts';

/**
 * Creates missing partitions of usage rows, from the month of `from` on, with a ledger function. Settlements go on meanwhile.
 * @returns how many; 0 also if another replica is creating them.
 * @throws pg.DatabaseError 55P03 if a long read of all usage rows prevents it for now.
 */
export async function ensurePartitions(database: Database, from: Date, months: number): Promise<number> {
  const { rows } = await database.$client.query<{ created: number }>(
    'SELECT ledger_ensure_partitions($1::date, $2) AS created',
    [dayOf(from), months],
  );
  return rows[0]?.created ?? 0;
}
