import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '#libs/db/database.ts';
import { ledgerStops } from '#libs/db/schema/ledger.ts';
import { stopNotices } from '#libs/db/schema/metering.ts';
import type { StopNotice } from '#libs/service/refusal.ts';

/** @param stop as the ledger names it: `global`, or `kind:target`. @returns what callers may read about it, if anything. */
export async function findStopNotice(db: Database, stop: string): Promise<StopNotice | null> {
  const [kind = '', ...target] = stop.split(':');
  const [found] = await db
    .select({ publicReason: stopNotices.publicReason, expectedUntil: stopNotices.expectedUntil })
    .from(stopNotices)
    .innerJoin(ledgerStops, eq(ledgerStops.id, stopNotices.stopId))
    .where(
      and(
        isNull(ledgerStops.liftedAt),
        eq(sql`${ledgerStops.kind}::text`, kind),
        eq(ledgerStops.target, target.join(':')),
      ),
    );
  return found ?? null;
}
