import { eq, isNull } from 'drizzle-orm';
import type { Database, Queryable } from '#libs/db/database.ts';
import { ledgerStops } from '#libs/db/schema/ledger.ts';
import { stopNotices } from '#libs/db/schema/metering.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import type { StopInForce } from './domain.ts';

export { listAlertsAfter } from '../alerts/store.ts';

/**
 * A mark of each account that changes with every hold, settlement and change of a limit: all of them write the account's
 * own balance. The mark is the row's `xmin`, which Drizzle has no column for.
 */
export async function readMarks(db: Database, accountIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.$client.query<{ account_id: string; mark: string }>(
    `SELECT b.account_id, b.xmin::text AS mark
       FROM unnest($1::smallint[], $2::uuid[]) q(shard, account_id)
       JOIN ledger_balances b ON b.shard = q.shard AND b.account_id = q.account_id AND b.scope = 'account' AND b.scope_id = ''`,
    [accountIds.map(shardOf), accountIds],
  );
  return new Map(rows.map(({ account_id, mark }) => [account_id, mark]));
}

/** The emergency stops in force, the oldest first. */
export function readStops(db: Queryable): Promise<StopInForce[]> {
  const { publicReason, expectedUntil } = stopNotices;
  return db
    .select({ kind: ledgerStops.kind, target: ledgerStops.target, publicReason, expectedUntil })
    .from(ledgerStops)
    .leftJoin(stopNotices, eq(stopNotices.stopId, ledgerStops.id))
    .where(isNull(ledgerStops.liftedAt))
    .orderBy(ledgerStops.id);
}
