import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import type { EventResult, UsageEventBody } from '#libs/contracts/events.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { reportedEvents, reportedLevels } from '#libs/db/schema/metering.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Member } from '#libs/ledger/load.ts';
import { emit } from '#libs/outbox/emit.ts';
import { correctionPayload, decideEvents, factsOf, isLevel, type StoredEvent } from './domain.ts';

export type EventBatch = {
  accountId: string;
  /** Whose usage it is. */
  member: Member;
  events: readonly UsageEventBody[];
  now: Date;
  newId: () => string;
};

/** Records the events of an account that are new: all of them with their usage, or none. Batches of one account take turns. */
export function recordEvents(
  database: Database,
  ledger: Pick<Ledger, 'recordPast'>,
  batch: EventBatch,
): Promise<EventResult[]> {
  const { accountId, events, now, newId } = batch;
  return transaction(database, async (tx) => {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`events ${accountId}`}, 0))`);
    const ids = events.flatMap(({ id, corrects }) => (corrects === undefined ? [id] : [id, corrects]));
    const meters = events.map(({ meter }) => meter).filter(isLevel);
    const known = {
      events: await listEvents(tx, accountId, ids),
      levels: await readLevels(tx, accountId, meters),
    };
    const { results, recorded, corrected, levels } = decideEvents(events, known, now);
    for (const [id, remaining] of corrected) await updateRemaining(tx, accountId, id, remaining);
    for (const [meter, level] of levels) await saveLevel(tx, { accountId, meter, level });
    if (recorded.length > 0) await insertEvents(tx, ledger, batch, recorded);
    const payload = correctionPayload(recorded);
    if (payload !== null) {
      const event = { id: newId(), type: 'usage.corrected', accountId, payload, createdAt: now } as const;
      await emit(tx, event, newId);
    }
    return results;
  });
}

function listEvents(tx: Tx, accountId: string, ids: readonly string[]): Promise<StoredEvent[]> {
  return tx
    .select({
      id: reportedEvents.id,
      meter: reportedEvents.meter,
      amount: reportedEvents.amount,
      occurredAt: reportedEvents.occurredAt,
      corrects: reportedEvents.corrects,
      remaining: reportedEvents.remaining,
    })
    .from(reportedEvents)
    .where(and(eq(reportedEvents.accountId, accountId), inArray(reportedEvents.id, [...new Set(ids)])));
}

async function readLevels(
  tx: Tx,
  accountId: string,
  meters: readonly string[],
): Promise<Map<string, bigint>> {
  if (meters.length === 0) return new Map();
  const rows = await tx
    .select({ meter: reportedLevels.meter, level: reportedLevels.level })
    .from(reportedLevels)
    .where(and(eq(reportedLevels.accountId, accountId), inArray(reportedLevels.meter, [...new Set(meters)])));
  return new Map(rows.map(({ meter, level }) => [meter, level]));
}

async function saveLevel(tx: Tx, row: typeof reportedLevels.$inferInsert): Promise<void> {
  await tx
    .insert(reportedLevels)
    .values(row)
    .onConflictDoUpdate({
      target: [reportedLevels.accountId, reportedLevels.meter],
      set: { level: row.level },
    });
}

async function updateRemaining(tx: Tx, accountId: string, id: string, remaining: bigint): Promise<void> {
  await tx
    .update(reportedEvents)
    .set({ remaining })
    .where(and(eq(reportedEvents.accountId, accountId), eq(reportedEvents.id, id)));
}

async function insertEvents(
  tx: Tx,
  ledger: Pick<Ledger, 'recordPast'>,
  { accountId, member, now, newId }: EventBatch,
  recorded: readonly StoredEvent[],
): Promise<void> {
  const rows = recorded.map((event) => ({ ...event, accountId, usageId: newId(), recordedAt: now }));
  await tx.insert(reportedEvents).values(rows);
  await ledger.recordPast(
    accountId,
    rows.map((row) => ({
      ...member,
      id: row.usageId,
      meters: { [row.meter]: row.amount },
      facts: factsOf(row),
      at: row.occurredAt,
      isCorrection: row.corrects !== null,
    })),
    tx,
  );
}

/** @returns how many events were deleted. */
export async function deleteEventsBefore(database: Database, end: Date): Promise<number> {
  const { rowCount } = await database.delete(reportedEvents).where(lt(reportedEvents.occurredAt, end));
  return rowCount ?? 0;
}
