import { asc, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { stripeDrift, stripeSubscriptions } from '#libs/db/schema/stripe.ts';
import type { SubscriptionRow } from './store.ts';

export type DriftRow = typeof stripeDrift.$inferSelect;

export async function replaceDrift(tx: Tx, rows: readonly DriftRow[]): Promise<void> {
  await tx.delete(stripeDrift);
  if (rows.length > 0) await tx.insert(stripeDrift).values([...rows]);
}

export function listDrift(db: Queryable, limit: number): Promise<DriftRow[]> {
  return db.select().from(stripeDrift).orderBy(asc(stripeDrift.subscriptionId)).limit(limit);
}

export async function countDrift(db: Queryable): Promise<number> {
  const [row] = await db.select({ count: sql<number>`count(*)::int` }).from(stripeDrift);
  return row?.count ?? 0;
}

export function allStripeSubscriptions(db: Queryable): Promise<SubscriptionRow[]> {
  return db.select().from(stripeSubscriptions);
}
