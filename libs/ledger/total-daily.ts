import type { LedgerConnection } from './ledger.ts';

/**
 * Adds what has been settled since the last run to the totals of `usage_daily_totals`. The view `usage_daily` is exact
 * before and after it; the fewer changes wait, the less a reader adds up.
 *
 * @returns how many changes there were.
 */
export async function totalDailyUsage(db: LedgerConnection): Promise<number> {
  const { rows } = await db.$client.query<{ moved: bigint }>('SELECT ledger_total_daily() AS moved');
  return Number(rows[0]?.moved ?? 0);
}
