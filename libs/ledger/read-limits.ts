/** Reads the current usage of an account's limits, also when there was no request since a window ended. */

import { WINDOWS } from '#libs/catalogue/limit.ts';
import type { LedgerConnection } from './ledger.ts';
import { shardOf } from './shard.ts';
import type { LimitState, LimitView } from './types.ts';

/** A limit and its usage in the current window. */
export type LimitUsage = Omit<LimitView, 'asked'> & { state: LimitState; windowStart: Date | null };

export type AccountUsage = {
  /** The subscription's current period. */
  period: { start: Date; end: Date };
  /** Limits of the account, and those of the user, key and workspace in the query. */
  limits: LimitUsage[];
};

export type LimitUsageQuery = {
  accountId: string;
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
};

type AccountRow = { due: boolean; window_start: Date; window_end: Date };

type CounterRow = {
  meter: string;
  win: LimitView['window'];
  scope: LimitView['scope'];
  scope_id: string;
  kind: LimitView['kind'];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  state: LimitState;
  window_start: Date | number;
  window_end: Date | number;
  source: string;
};

/** Clocks differ: a window that another process opened a moment ago may begin in the reader's future. */
const ACCOUNT_SQL = `
  SELECT b.refresh_at <= $3 OR b.member_scopes <> '{}' AS due, w.window_start, w.window_end
    FROM ledger_accounts a
    JOIN ledger_balances b ON b.shard = a.shard AND b.account_id = a.account_id AND b.scope = 'account' AND b.scope_id = ''
   CROSS JOIN LATERAL ledger_window('period', greatest($3, a.anchor), a.anchor, a.period_months) w
   WHERE a.shard = $1 AND a.account_id = $2`;

const TOUCH_SQL = 'SELECT ledger_touch($1, $2, $3, $4, $5, $6)';

const COUNTERS_SQL = `
  SELECT c.meter, c.win, c.scope, c.scope_id, c.kind, c.amount, c.used, c.held,
         ledger_state(c.kind, c.used, c.amount, c.thresholds) AS state, c.window_start, c.window_end, c.source
    FROM ledger_counters c
   WHERE c.account_id = $1 AND c.window_end > $2
     AND (c.scope = 'account' OR ledger_in_scope(c.scope, c.scope_id, $3, $4, $5))
   ORDER BY c.meter, array_position(ARRAY[${WINDOWS.map((window) => `'${window}'`).join(', ')}], c.win), c.scope`;

/**
 * Counters that time has outdated are brought up to date first, as the next hold would do: what is read is what a hold
 * would be judged by.
 *
 * @returns undefined for an account that has no balances yet.
 */
export async function readLimits(
  db: LedgerConnection,
  now: Date,
  { accountId, userId, keyId, workspaceId }: LimitUsageQuery,
): Promise<AccountUsage | undefined> {
  const shard = shardOf(accountId);
  const { rows } = await db.$client.query<AccountRow>(ACCOUNT_SQL, [shard, accountId, now]);
  const account = rows[0];
  if (account === undefined) return undefined;
  if (account.due) await db.$client.query(TOUCH_SQL, [now, shard, accountId, userId, keyId, workspaceId]);
  const counters = await db.$client.query<CounterRow>(COUNTERS_SQL, [
    accountId,
    now,
    userId,
    keyId,
    workspaceId,
  ]);
  return {
    period: { start: account.window_start, end: account.window_end },
    limits: counters.rows.map((row) => ({
      meter: row.meter,
      window: row.win,
      scope: row.scope,
      scopeId: row.scope_id,
      kind: row.kind,
      amount: row.amount,
      used: row.used,
      held: row.held,
      state: row.state,
      // The driver reads infinities as numbers: a window without an end or a beginning.
      windowStart: row.window_start instanceof Date ? row.window_start : null,
      resetsAt: row.window_end instanceof Date ? row.window_end : null,
      source: row.source,
    })),
  };
}
