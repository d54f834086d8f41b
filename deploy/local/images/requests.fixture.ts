import type { Pool } from 'pg';

export const GENERATE = '/api/images/generate';
export const PROMPT = { prompt: 'A fountain pen on a letter' };

/** What an account has used of a meter; undefined if it has no counter. */
export async function usedOf(pool: Pool, accountId: string, meter: string) {
  const { rows } = await pool.query<{ used: bigint; held: bigint }>(
    'SELECT used, held FROM ledger_counters WHERE account_id = $1 AND meter = $2',
    [accountId, meter],
  );
  return rows[0];
}
