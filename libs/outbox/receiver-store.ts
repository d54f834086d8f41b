import { and, asc, eq, inArray, isNull, lte, notExists, or, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { outboxClaims, outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import { type Attempt, RECEIVER_CHANNELS } from './deliveries.ts';
import type { Receiver } from './enqueue-delivery.ts';

export type ReceiverAddress = Pick<Receiver, 'channel' | 'target'>;

export const receiverKey = ({ channel, target }: ReceiverAddress) => `${channel}:${target}`;

const isReceiver = ({ channel, target }: ReceiverAddress) =>
  and(eq(outboxClaims.channel, channel), eq(outboxClaims.target, target));

/** A receiver that a process may deliver to, until then. The time also says whose claim it is: no two are equal. */
export type Claim = ReceiverAddress & { readonly claimedUntil: Date };

const isOwn = (claim: Claim) => and(isReceiver(claim), eq(outboxClaims.claimedUntil, claim.claimedUntil));

/** A literal, so that the planner sees that the index of pending deliveries has them. */
const isPending = eq(outboxDeliveries.status, sql`'pending'`);

const dueAt = ({ channel, target }: { [Key in keyof ReceiverAddress]: string | SQL }, now: Date) =>
  and(
    eq(outboxDeliveries.channel, channel),
    eq(outboxDeliveries.target, target),
    isPending,
    or(isNull(outboxDeliveries.nextAttemptAt), lte(outboxDeliveries.nextAttemptAt, now)),
  );

/** Claims a receiver. @returns null; until when it is busy if another process has it, or it asked for a pause. */
export async function claimReceiver(
  db: Queryable,
  { channel, target, claimedUntil }: Claim,
  now: Date,
): Promise<Date | null> {
  const { rowCount } = await db
    .insert(outboxClaims)
    .values({ channel, target, claimedUntil })
    .onConflictDoUpdate({
      target: [outboxClaims.channel, outboxClaims.target],
      set: { claimedUntil },
      setWhere: lte(outboxClaims.claimedUntil, now),
    });
  if (rowCount === 1) return null;
  const [claim] = await db.select().from(outboxClaims).where(isReceiver({ channel, target }));
  return claim?.claimedUntil ?? now;
}

/** Lets no other process deliver to a claimed receiver until then. @returns null if another one has claimed it since. */
export async function extendClaim(db: Queryable, claim: Claim, claimedUntil: Date): Promise<Claim | null> {
  const { rowCount } = await db.update(outboxClaims).set({ claimedUntil }).where(isOwn(claim));
  return rowCount === 1 ? { ...claim, claimedUntil } : null;
}

/**
 * Releases a receiver that has no due delivery.
 * @returns false, without effect, if it has one, or if another process has claimed it since.
 */
export async function releaseIdleReceiver(db: Queryable, claim: Claim, now: Date): Promise<boolean> {
  const due = db.select({ id: outboxDeliveries.id }).from(outboxDeliveries).where(dueAt(claim, now));
  const { rowCount } = await db.delete(outboxClaims).where(and(isOwn(claim), notExists(due)));
  return rowCount === 1;
}

/** Changes nothing if another process has claimed the receiver since. */
export async function releaseReceiver(db: Queryable, claim: Claim): Promise<void> {
  await db.delete(outboxClaims).where(isOwn(claim));
}

/**
 * Begins the most urgent delivery to each of some receivers, and counts the attempts, so that one that kills the process
 * counts.
 * @returns for each receiver in turn; null where nothing is due.
 */
export async function beginNextAttempts(
  db: Queryable,
  receivers: readonly ReceiverAddress[],
  now: Date,
): Promise<(Attempt | null)[]> {
  const due = { channel: sql`receiver.channel`, target: sql`receiver.target` };
  const next = db
    .select({ id: outboxDeliveries.id })
    .from(outboxDeliveries)
    .where(dueAt(due, now))
    .orderBy(sql`${outboxDeliveries.nextAttemptAt} NULLS FIRST`, asc(outboxDeliveries.id))
    .limit(1);
  const channels = sql.param(receivers.map(({ channel }) => channel));
  const targets = sql.param(receivers.map(({ target }) => target));
  // Drizzle has no unnest.
  const ids = sql`(SELECT ${next} FROM unnest(${channels}::text[], ${targets}::text[]) AS receiver (channel, target))`;
  const begun = await db
    .update(outboxDeliveries)
    .set({ attempts: sql`${outboxDeliveries.attempts} + 1`, nextAttemptAt: null })
    .from(outboxEvents)
    .where(and(inArray(outboxDeliveries.id, ids), isPending, eq(outboxEvents.id, outboxDeliveries.eventId)))
    .returning({ delivery: outboxDeliveries, event: outboxEvents });
  const byReceiver = new Map(begun.map((attempt) => [receiverKey(attempt.delivery), attempt]));
  return receivers.map((receiver) => byReceiver.get(receiverKey(receiver)) ?? null);
}

export async function hasDueDelivery(db: Queryable, receiver: ReceiverAddress, now: Date): Promise<boolean> {
  const rows = await db
    .select({ id: outboxDeliveries.id })
    .from(outboxDeliveries)
    .where(dueAt(receiver, now))
    .limit(1);
  return rows.length > 0;
}

/** Receivers of deliveries of events that are older than `before`, and due since then. */
export function listOverdueReceivers(db: Queryable, before: Date): Promise<Receiver[]> {
  return db
    .selectDistinct({
      channel: outboxDeliveries.channel,
      target: outboxDeliveries.target,
      accountId: outboxEvents.accountId,
    })
    .from(outboxDeliveries)
    .innerJoin(outboxEvents, eq(outboxEvents.id, outboxDeliveries.eventId))
    .where(
      and(
        inArray(outboxDeliveries.channel, [...RECEIVER_CHANNELS]),
        isPending,
        lte(outboxEvents.createdAt, before),
        or(isNull(outboxDeliveries.nextAttemptAt), lte(outboxDeliveries.nextAttemptAt, before)),
      ),
    );
}
