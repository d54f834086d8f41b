/** Invariants of the ledger's tables, for tests and proofs. */
import type { Pool } from 'pg';

/** A counter that does not say what the usage rows and open holds of its window and scope say. */
const COUNTERS_SQL = `
  SELECT c.account_id, c.scope, c.scope_id, c.meter, c.win, c.window_start::text, c.used, c.held,
         coalesce(u.amount, 0)::bigint AS settled, coalesce(h.amount, 0)::bigint AS open
    FROM ledger_counters c
    LEFT JOIN LATERAL (
      SELECT sum(a.amount) AS amount FROM usage_events e, unnest(e.meters, e.amounts) a(meter, amount)
       WHERE e.account_id = c.account_id AND e.admitted_at >= c.window_start AND e.admitted_at < c.window_end
         AND a.meter = c.meter AND ledger_in_scope(c.scope, c.scope_id, e.user_id, e.key_id, e.workspace_id)) u ON true
    LEFT JOIN LATERAL (
      SELECT sum(a.amount) AS amount FROM ledger_holds h, unnest(h.meters, h.remaining) a(meter, amount)
       WHERE h.account_id = c.account_id AND h.created_at >= c.window_start AND h.created_at < c.window_end
         AND h.state = 'open' AND a.meter = c.meter
         AND ledger_in_scope(c.scope, c.scope_id, h.user_id, h.key_id, h.workspace_id)) h ON true
   WHERE ($1::uuid[] IS NULL OR c.account_id = ANY ($1))
     AND (c.used, c.held) IS DISTINCT FROM (coalesce(u.amount, 0)::bigint, coalesce(h.amount, 0)::bigint)`;

/** Days whose rollup differs from their usage rows. */
const ROLLUP_SQL = `
  WITH rollup AS (
    SELECT account_id, day, sum(calls) AS calls, sum(cost_nano_usd) AS cost FROM usage_daily GROUP BY 1, 2),
  events AS (
    SELECT account_id, (admitted_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE call_index >= 0) AS calls,
           sum(cost_nano_usd) AS cost
      FROM usage_events GROUP BY 1, 2)
  SELECT account_id, day::text, rollup.calls AS rollup_calls, events.calls AS event_calls, rollup.cost AS rollup_cost,
         events.cost AS event_cost
    FROM rollup FULL JOIN events USING (account_id, day)
   WHERE ($1::uuid[] IS NULL OR account_id = ANY ($1))
     AND (rollup.calls, rollup.cost) IS DISTINCT FROM (events.calls, events.cost)`;

/** A hold that ended and still holds something. */
const ENDED_SQL = `
  SELECT id, state, remaining FROM ledger_holds h
   WHERE ($1::uuid[] IS NULL OR account_id = ANY ($1)) AND state <> 'open'
     AND EXISTS (SELECT FROM unnest(h.remaining) r WHERE r <> 0)`;

/**
 * Breaches of the ledger's invariants, one line each; none when the balances are right.
 *
 * @param accountIds the accounts to look at; all when left out.
 */
export async function findBreaches(
  pool: Pick<Pool, 'query'>,
  accountIds?: readonly string[],
): Promise<string[]> {
  const breaches: string[] = [];
  for (const [name, sql] of Object.entries({ counter: COUNTERS_SQL, rollup: ROLLUP_SQL, ended: ENDED_SQL })) {
    const { rows } = await pool.query<Record<string, unknown>>(sql, [accountIds ?? null]);
    for (const row of rows) {
      const facts = Object.entries(row).map(([key, value]) => `${key}=${String(value)}`);
      breaches.push(`${name}: ${facts.join(' ')}`);
    }
  }
  return breaches;
}
