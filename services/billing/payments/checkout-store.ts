import { and, eq } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { stripeCheckouts } from '#libs/db/schema/stripe.ts';
import { hasTried, lockNewTrials } from '../trials/store.ts';

/** Whether the account or one of its owners has had a trial. */
export function accountHasTried(db: Queryable, accountId: string): Promise<boolean> {
  return hasTried(db, accountId);
}

/** The same for a trial that has begun at the provider. Of two at once, the second one sees the first. */
export async function hasOtherTrial(tx: Tx, accountId: string): Promise<boolean> {
  await lockNewTrials(tx);
  return hasTried(tx, accountId);
}

export type CheckoutRow = typeof stripeCheckouts.$inferSelect;

export async function findOpenCheckout(db: Queryable, accountId: string): Promise<CheckoutRow | undefined> {
  const [row] = await db
    .select()
    .from(stripeCheckouts)
    .where(and(eq(stripeCheckouts.accountId, accountId), eq(stripeCheckouts.status, 'open')));
  return row;
}

export async function insertCheckout(tx: Tx, row: CheckoutRow): Promise<void> {
  await tx.insert(stripeCheckouts).values(row);
}

export async function expireCheckoutRow(tx: Tx, id: string): Promise<void> {
  await tx
    .update(stripeCheckouts)
    .set({ status: 'expired' })
    .where(and(eq(stripeCheckouts.id, id), eq(stripeCheckouts.status, 'open')));
}

export async function saveSession(
  db: Queryable,
  id: string,
  of: { sessionId: string; url: string; expiresAt: Date },
): Promise<void> {
  await db.update(stripeCheckouts).set(of).where(eq(stripeCheckouts.id, id));
}

/** Follows the provider's word on a session; one that is still open stays. */
export async function closeCheckout(db: Queryable, sessionId: string, status: string | null): Promise<void> {
  if (status !== 'complete' && status !== 'expired') return;
  await db.update(stripeCheckouts).set({ status }).where(eq(stripeCheckouts.sessionId, sessionId));
}
