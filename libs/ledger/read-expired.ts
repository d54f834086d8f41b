import type { Pool } from 'pg';
import type { OverdueHold } from './types.ts';

type OverdueRow = {
  id: string;
  account_id: string;
  settled_calls: number[];
  detail: string;
  meters: string[];
  remaining: bigint[];
};

/** Open holds past their expiry, oldest first, by the database's clock unless `now` is given. */
export async function readOverdueHolds(
  database: Pick<Pool, 'query'>,
  now: Date | null,
  limit: number,
): Promise<OverdueHold[]> {
  const { rows } = await database.query<OverdueRow>(
    `SELECT id, account_id, settled_calls, detail, meters, remaining FROM ledger_holds
      WHERE state = 'open' AND expires_at <= coalesce($1::timestamptz, clock_timestamp())
      ORDER BY expires_at LIMIT $2`,
    [now, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    settledCalls: row.settled_calls,
    detail: row.detail,
    remaining: Object.fromEntries(row.meters.map((meter, index) => [meter, row.remaining[index] ?? 0n])),
  }));
}
