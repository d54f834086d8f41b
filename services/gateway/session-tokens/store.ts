import { and, eq, lt } from 'drizzle-orm';
import { type Database, only, type Queryable, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { endUsers, type StoredKeyLimit, sessionTokens } from '#libs/db/schema/gateway.ts';

type EndUserRow = typeof endUsers.$inferSelect;

/** The end user of this name, locked until the transaction ends; created when first seen. */
export async function lockEndUser(
  tx: Tx,
  { id, accountId, externalId }: Pick<EndUserRow, 'id' | 'accountId' | 'externalId'>,
  now: Date,
): Promise<EndUserRow & { isNew: boolean }> {
  const row = { id, accountId, externalId, createdAt: now, updatedAt: now };
  const created = await tx.insert(endUsers).values(row).onConflictDoNothing().returning();
  if (created.length > 0) return { ...only(created), isNew: true };
  const found = await tx
    .select()
    .from(endUsers)
    .where(and(eq(endUsers.accountId, accountId), eq(endUsers.externalId, externalId)))
    .for('update');
  return { ...only(found), isNew: false };
}

export async function saveLimits(tx: Tx, id: string, limits: StoredKeyLimit[], now: Date): Promise<void> {
  await tx.update(endUsers).set({ limits, updatedAt: now }).where(eq(endUsers.id, id));
}

export async function insertToken(tx: Tx, token: typeof sessionTokens.$inferInsert): Promise<void> {
  await tx.insert(sessionTokens).values(token);
}

/** @returns false if the account has no such token. */
export function revokeToken(
  db: Database,
  { accountId, id }: { accountId: string; id: string },
  at: Date,
): Promise<boolean> {
  return transaction(db, async (tx) => {
    const [token] = await tx
      .update(sessionTokens)
      .set({ revokedAt: at })
      .where(and(eq(sessionTokens.accountId, accountId), eq(sessionTokens.id, id)))
      .returning();
    if (token === undefined) return false;
    await notify(tx, { kind: 'session_token', id: token.publicId });
    return true;
  });
}

/** @returns how many. */
export async function deleteExpiredTokens(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.delete(sessionTokens).where(lt(sessionTokens.expiresAt, before));
  return rowCount ?? 0;
}
