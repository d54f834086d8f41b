import { asc, eq } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { accountSegments } from '#libs/db/schema/billing.ts';

/** The segments of an account, by name. */
export async function listSegments(db: Queryable, accountId: string): Promise<string[]> {
  const rows = await db
    .select({ segment: accountSegments.segment })
    .from(accountSegments)
    .where(eq(accountSegments.accountId, accountId))
    .orderBy(asc(accountSegments.segment));
  return rows.map(({ segment }) => segment);
}

export async function replaceSegments(tx: Tx, accountId: string, segments: readonly string[]): Promise<void> {
  await tx.delete(accountSegments).where(eq(accountSegments.accountId, accountId));
  const rows = [...new Set(segments)].map((segment) => ({ accountId, segment }));
  if (rows.length > 0) await tx.insert(accountSegments).values(rows);
}
