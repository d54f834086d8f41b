import { createHash } from 'node:crypto';
import { and, eq, getTableColumns, gt, inArray, isNull, lte, notExists, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { billingEvents, trialIdentities, trials } from '#libs/db/schema/billing.ts';
import { memberships, users } from '#libs/db/schema/gateway.ts';
import { emit } from '#libs/outbox/emit.ts';
import { insertBillingEvent } from '../subscriptions/billing-event-store.ts';
import type { DueReminder, Trial } from './domain.ts';

const { endedAt, convertedAt, ...trialColumns } = getTableColumns(trials);

/** Hashes of the owners' normalised addresses, sorted. A user has one normalised address. */
async function ownerHashes(db: Queryable, accountId: string): Promise<string[]> {
  const owners = await db
    .selectDistinct({ email: users.emailNormalised })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.accountId, accountId), eq(memberships.role, 'owner')));
  return owners.map(({ email }) => createHash('sha256').update(email).digest('hex')).sort();
}

/** Whether the account or one of its owners has had a trial. */
export async function hasTried(db: Queryable, accountId: string): Promise<boolean> {
  const [own] = await db.select({ id: trials.id }).from(trials).where(eq(trials.accountId, accountId));
  if (own !== undefined) return true;
  const [ofOwner] = await db
    .select({ id: trialIdentities.trialId })
    .from(trialIdentities)
    .where(inArray(trialIdentities.emailHash, await ownerHashes(db, accountId)))
    .limit(1);
  return ofOwner !== undefined;
}

/** Lets new trials that have begun elsewhere be checked one after another, until the transaction ends. */
export async function lockNewTrials(tx: Tx): Promise<void> {
  // Drizzle has no advisory locks.
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('new trials', 0))`);
}

export async function findRunningTrial(db: Queryable, accountId: string): Promise<Trial | undefined> {
  const [row] = await db
    .select(trialColumns)
    .from(trials)
    .where(and(eq(trials.accountId, accountId), isNull(trials.endedAt)));
  return row;
}

/**
 * Records a trial and its owners for good. Unique indexes decide between accounts of one owner that start trials at the
 * same time. Owners are inserted in one order, so such transactions wait for each other and never deadlock.
 *
 * @returns false where the account or an owner has had a trial; the transaction must then be rolled back.
 */
export async function insertTrial(tx: Tx, trial: Trial): Promise<boolean> {
  const inserted = await tx
    .insert(trials)
    .values(trial)
    .onConflictDoNothing({ target: trials.accountId })
    .returning({ id: trials.id });
  if (inserted.length === 0) return false;
  const owners = await ownerHashes(tx, trial.accountId);
  if (owners.length === 0) return true;
  const recorded = await tx
    .insert(trialIdentities)
    .values(owners.map((emailHash) => ({ emailHash, trialId: trial.id })))
    .onConflictDoNothing({ target: trialIdentities.emailHash })
    .returning({ emailHash: trialIdentities.emailHash });
  return recorded.length === owners.length;
}

export async function endTrial(tx: Tx, accountId: string, at: Date): Promise<void> {
  await tx
    .update(trials)
    .set({ endedAt: at })
    .where(and(eq(trials.accountId, accountId), isNull(trials.endedAt)));
}

/** Records the first payment after a trial began. */
export async function convertTrial(tx: Tx, accountId: string, at: Date): Promise<void> {
  await tx
    .update(trials)
    .set({ convertedAt: at })
    .where(and(eq(trials.accountId, accountId), isNull(trials.convertedAt)));
}

/** Running trials that are due for a reminder and have not had it. */
export function trialsToRemind(
  db: Queryable,
  { kind, daysBefore, from, until }: DueReminder,
  limit: number,
): Promise<Trial[]> {
  const reminder = db
    .select({ id: billingEvents.id })
    .from(billingEvents)
    .where(
      and(
        eq(billingEvents.accountId, trials.accountId),
        eq(billingEvents.kind, kind),
        eq(billingEvents.subject, sql`${trials.id}::text`),
      ),
    );
  return db
    .select(trialColumns)
    .from(trials)
    .where(
      and(
        isNull(trials.endedAt),
        gt(trials.endsAt, from),
        lte(trials.endsAt, until),
        // A shorter trial gets no reminder that early.
        sql`${trials.startedAt} < ${trials.endsAt} - make_interval(days => ${daysBefore}::integer)`,
        notExists(reminder),
      ),
    )
    .orderBy(trials.endsAt)
    .limit(limit);
}

/** Records a reminder and emits it, once for each trial and kind. */
export async function recordReminder(
  tx: Tx,
  { id: subject, accountId, planKey, endsAt }: Trial,
  { kind, daysBefore }: DueReminder,
  { at, newId }: { at: Date; newId: () => string },
): Promise<void> {
  const data = { plan: planKey, ends_at: endsAt.toISOString() };
  if (!(await insertBillingEvent(tx, { id: newId(), accountId, kind, subject, at, data }))) return;
  const payload = { ...data, trial_id: subject, days_before: daysBefore };
  await emit(tx, { id: newId(), type: 'trial.ending', accountId, payload, createdAt: at }, newId);
}
