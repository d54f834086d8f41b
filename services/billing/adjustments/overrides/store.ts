import { and, desc, eq, gt, isNull, or } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { accountOverrides } from '#libs/db/schema/billing.ts';
import type { OverrideRow } from './domain.ts';

/** Newest first, one more than the page has. */
export function listOverrides(
  db: Queryable,
  accountId: string,
  { limit, cursor }: PageQuery,
): Promise<OverrideRow[]> {
  return db
    .select()
    .from(accountOverrides)
    .where(and(eq(accountOverrides.accountId, accountId), afterCursor(accountOverrides.id, cursor)))
    .orderBy(desc(accountOverrides.id))
    .limit(limit + 1);
}

export async function findOverride(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<OverrideRow | undefined> {
  const [row] = await db.select().from(accountOverrides).where(isOverride(accountId, id));
  return row;
}

/** The number of an account's overrides that are in force or scheduled. */
export function countOverrides(db: Queryable, accountId: string, now: Date): Promise<number> {
  return db.$count(
    accountOverrides,
    and(
      eq(accountOverrides.accountId, accountId),
      isNull(accountOverrides.endedAt),
      or(isNull(accountOverrides.validUntil), gt(accountOverrides.validUntil, now)),
    ),
  );
}

export async function insertOverride(tx: Tx, override: OverrideRow): Promise<void> {
  await tx.insert(accountOverrides).values(override);
}

/** @returns whether it was still to be ended. */
export async function endOverride(
  tx: Tx,
  { id, accountId }: Pick<OverrideRow, 'id' | 'accountId'>,
  { at, by }: { at: Date; by: string },
): Promise<boolean> {
  const ended = await tx
    .update(accountOverrides)
    .set({ endedAt: at, endedBy: by })
    .where(and(isOverride(accountId, id), isNull(accountOverrides.endedAt)))
    .returning({ id: accountOverrides.id });
  return ended.length === 1;
}

function isOverride(accountId: string, id: string) {
  return and(eq(accountOverrides.accountId, accountId), eq(accountOverrides.id, id));
}
