import { asc, eq } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { brandings, memberships } from '#libs/db/schema/gateway.ts';
import type { BrandingRow } from './domain.ts';

export async function findBranding(db: Queryable, accountId: string): Promise<BrandingRow | undefined> {
  const [row] = await db.select().from(brandings).where(eq(brandings.accountId, accountId));
  return row;
}

/** Adds the brand of an account, or replaces it. */
export async function saveBranding(tx: Tx, row: BrandingRow): Promise<void> {
  const { accountId: _, ...changes } = row;
  await tx.insert(brandings).values(row).onConflictDoUpdate({ target: brandings.accountId, set: changes });
}

/** @returns the deleted brand; undefined if there was none. */
export async function deleteBranding(tx: Tx, accountId: string): Promise<BrandingRow | undefined> {
  const [row] = await tx.delete(brandings).where(eq(brandings.accountId, accountId)).returning();
  return row;
}

/** The accounts with a brand that a user is a member of, in the order in which the user has joined them. */
export async function brandedAccountsOf(db: Queryable, userId: string): Promise<string[]> {
  const rows = await db
    .select({ accountId: brandings.accountId })
    .from(memberships)
    .innerJoin(brandings, eq(brandings.accountId, memberships.accountId))
    .where(eq(memberships.userId, userId))
    .orderBy(asc(memberships.createdAt), asc(brandings.accountId));
  return rows.map(({ accountId }) => accountId);
}
