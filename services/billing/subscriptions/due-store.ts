import type { Pool } from 'pg';

/** Where a pass over what is due has got to. */
export type DuePosition = { dueAt: Date; accountId: string };

/** Accounts whose subscription or open payment request time has overtaken, the longest ago first. */
const DUE_SQL = `
  SELECT account_id, due_at FROM (
    SELECT account_id, due_at FROM subscriptions WHERE due_at <= $1
    UNION ALL
    SELECT account_id, expires_at FROM payment_requests WHERE status = 'open' AND expires_at <= $1) due
   WHERE $2::timestamptz IS NULL OR (due_at, account_id) > ($2, $3::uuid)
   ORDER BY due_at, account_id
   LIMIT $4`;

export function createDueStore(pool: Pick<Pool, 'query'>): {
  due: (now: Date, after: DuePosition | undefined, limit: number) => Promise<DuePosition[]>;
} {
  return {
    async due(now, after, limit) {
      const { rows } = await pool.query<{ account_id: string; due_at: Date }>(DUE_SQL, [
        now,
        after?.dueAt,
        after?.accountId,
        limit,
      ]);
      return rows.map(({ account_id: accountId, due_at: dueAt }) => ({ accountId, dueAt }));
    },
  };
}
