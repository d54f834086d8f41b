import { lte, sql } from 'drizzle-orm';
import type { Database } from '#libs/db/database.ts';
import { rateLimitCounters } from '#libs/db/schema/gateway.ts';
import type { Lease, LeaseRequest } from './domain/shared-counters.ts';

/**
 * Raw SQL, because Drizzle has no `RETURNING old`. One statement locks the counters in the order of their keys, so that
 * processes cannot deadlock. The time is that of the statement, on the database's clock.
 */
const leaseAll = (keys: string[], asked: number[], max: number[], windowMs: number[]) => sql`
  INSERT INTO rate_limit_counters AS c (key, max, used, ends_at)
  SELECT a.key, a.max, least(a.asked, a.max), statement_timestamp() + a.window_ms * interval '1 millisecond'
    FROM unnest(${sql.param(keys)}::text[], ${sql.param(asked)}::integer[], ${sql.param(max)}::integer[],
                ${sql.param(windowMs)}::double precision[]) AS a (key, asked, max, window_ms)
   ORDER BY a.key
  ON CONFLICT (key) DO UPDATE SET
    max = EXCLUDED.max,
    used = CASE WHEN c.ends_at <= statement_timestamp() THEN EXCLUDED.used
                ELSE greatest(c.used, least(EXCLUDED.max, c.used + EXCLUDED.used)) END,
    ends_at = CASE WHEN c.ends_at <= statement_timestamp() THEN EXCLUDED.ends_at ELSE c.ends_at END
  RETURNING new.key,
    new.used - CASE WHEN old.ends_at = new.ends_at THEN old.used ELSE 0 END AS granted,
    greatest(0, new.max - new.used) AS remaining,
    (extract(epoch FROM new.ends_at - statement_timestamp()) * 1000)::double precision AS left_ms`;

type LeaseRow = { key: string; granted: number; remaining: number; left_ms: number };

/** Leases from several counters at once, each named at most once. */
export async function leaseRequests(
  db: Database,
  requests: readonly LeaseRequest[],
): Promise<ReadonlyMap<string, Lease>> {
  const { rows } = await db.execute<LeaseRow>(
    leaseAll(
      requests.map(({ key }) => key),
      requests.map(({ asked }) => asked),
      requests.map(({ max }) => max),
      requests.map(({ windowMs }) => windowMs),
    ),
  );
  return new Map(
    rows.map(({ key, granted, remaining, left_ms: leftMs }) => [key, { granted, remaining, leftMs }]),
  );
}

/** Deletes the counters of windows that have ended. @returns how many. */
export async function deleteEndedCounters(db: Database): Promise<number> {
  const { rowCount } = await db
    .delete(rateLimitCounters)
    .where(lte(rateLimitCounters.endsAt, sql`statement_timestamp()`));
  return rowCount ?? 0;
}
