import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { ledgerDecisions, usageEvents } from '#libs/db/schema/ledger.ts';
import { correctionIndex } from '#libs/ledger/correct.ts';
import { shardOf } from '#libs/ledger/shard.ts';

const HOLD_COLUMNS = {
  id: ledgerDecisions.id,
  accountId: ledgerDecisions.accountId,
  userId: ledgerDecisions.userId,
  verdict: ledgerDecisions.verdict,
  detail: ledgerDecisions.detail,
};

export type FoundHold = {
  [Column in keyof typeof HOLD_COLUMNS]: (typeof ledgerDecisions.$inferSelect)[Column];
};

/** A decision of the account. */
export async function findHold(db: Queryable, accountId: string, id: string): Promise<FoundHold | undefined> {
  const [found] = await db
    .select(HOLD_COLUMNS)
    .from(ledgerDecisions)
    .where(
      and(
        eq(ledgerDecisions.shard, shardOf(accountId)),
        eq(ledgerDecisions.id, id),
        eq(ledgerDecisions.accountId, accountId),
      ),
    );
  return found;
}

export type RecordedCall = Pick<
  typeof usageEvents.$inferSelect,
  'callIndex' | 'usageSource' | 'meters' | 'amounts'
>;

/** The usage row of a call, and then the one that corrects it. */
export function listRecorded(
  db: Queryable,
  { accountId, id }: FoundHold,
  callIndex: number,
): Promise<RecordedCall[]> {
  const createdAt = db
    .select({ at: ledgerDecisions.createdAt })
    .from(ledgerDecisions)
    .where(and(eq(ledgerDecisions.shard, shardOf(accountId)), eq(ledgerDecisions.id, id)));
  return db
    .select({
      callIndex: usageEvents.callIndex,
      usageSource: usageEvents.usageSource,
      meters: usageEvents.meters,
      amounts: usageEvents.amounts,
    })
    .from(usageEvents)
    .where(
      and(
        eq(usageEvents.accountId, accountId),
        sql`${usageEvents.admittedAt} = (${createdAt})`,
        eq(usageEvents.holdId, id),
        inArray(usageEvents.callIndex, [callIndex, correctionIndex(callIndex)]),
      ),
    )
    .orderBy(sql`${usageEvents.callIndex} DESC`);
}
