/** What accounts have used of meters, also in windows that no limit of theirs has had so far. */

import type { LedgerConnection } from './ledger.ts';
import { shardOf } from './shard.ts';
import type { Window } from './types.ts';

export type UsedQuery = { accountId: string; meter: string; window: Window };

/** Where no counter runs, the usage rows of the window are added up, as a new counter would begin. */
const USED_SQL = `
  SELECT coalesce(c.used, counted.used, 0)::bigint AS used
    FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[])
         WITH ORDINALITY q(shard, account_id, meter, win, n)
    LEFT JOIN ledger_accounts a ON a.shard = q.shard AND a.account_id = q.account_id
    LEFT JOIN LATERAL ledger_window(q.win, greatest($1, a.anchor), a.anchor, a.period_months) w
      ON a.account_id IS NOT NULL
    LEFT JOIN ledger_counters c
      ON c.account_id = q.account_id AND c.window_end = w.window_end AND c.shard = q.shard AND c.scope = 'account'
     AND c.scope_id = '' AND c.meter = q.meter AND c.win = q.win AND c.window_start = w.window_start
    LEFT JOIN LATERAL (
      SELECT sum(u.amount) AS used FROM usage_events e, unnest(e.meters, e.amounts) u(meter, amount)
       WHERE c.id IS NULL AND e.account_id = q.account_id AND e.admitted_at >= w.window_start
         AND e.admitted_at < w.window_end AND u.meter = q.meter) counted ON true
   ORDER BY q.n`;

/** What each account has settled of the meter in the current window, in the order asked; 0 without balances. */
export async function readUsed(
  db: LedgerConnection,
  now: Date,
  queries: readonly UsedQuery[],
): Promise<bigint[]> {
  if (queries.length === 0) return [];
  const { rows } = await db.$client.query<{ used: bigint }>(USED_SQL, [
    now,
    queries.map(({ accountId }) => shardOf(accountId)),
    queries.map(({ accountId }) => accountId),
    queries.map(({ meter }) => meter),
    queries.map(({ window }) => window),
  ]);
  return rows.map(({ used }) => used);
}
