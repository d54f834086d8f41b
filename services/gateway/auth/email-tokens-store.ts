import { hash, randomBytes } from 'node:crypto';
import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { type Database, type Queryable, type Tx, transaction } from '#libs/db/database.ts';
import { emailTokens, users } from '#libs/db/schema/gateway.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { lockUser, revokeSessions } from './sessions-store.ts';

export type EmailTokenPurpose = (typeof emailTokens.$inferSelect)['purpose'];

const PREFIX: Readonly<Record<EmailTokenPurpose, string>> = { verify_email: 'ivt_', password_reset: 'ipr_' };
const TTL_MS: Readonly<Record<EmailTokenPurpose, number>> = {
  verify_email: 24 * 60 * 60 * 1000,
  password_reset: 60 * 60 * 1000,
};
const TOKEN_BYTES = 32;

/** 256 random bits cannot be guessed, so no stretching is needed, and looking one up by its hash reveals nothing. */
const hashToken = (token: string): string => hash('sha256', token, 'hex');

/** @returns a new token, which exists nowhere else. */
export async function issueEmailToken(
  db: Queryable,
  { clock, newId }: Runtime,
  { userId, purpose }: { userId: string; purpose: EmailTokenPurpose },
): Promise<string> {
  const token = PREFIX[purpose] + randomBytes(TOKEN_BYTES).toString('base64url');
  const createdAt = clock.now();
  await db.insert(emailTokens).values({
    id: newId(),
    userId,
    purpose,
    tokenHash: hashToken(token),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + TTL_MS[purpose]),
  });
  return token;
}

/** Uses up a token, and with it all others of the user for this purpose. @returns its user; null if it does not work. */
async function useToken(
  tx: Tx,
  purpose: EmailTokenPurpose,
  token: string,
  usedAt: Date,
): Promise<string | null> {
  const isUnused = and(eq(emailTokens.purpose, purpose), isNull(emailTokens.usedAt));
  const [used] = await tx
    .update(emailTokens)
    .set({ usedAt })
    .where(and(eq(emailTokens.tokenHash, hashToken(token)), isUnused, gt(emailTokens.expiresAt, usedAt)))
    .returning({ userId: emailTokens.userId });
  if (used === undefined) return null;
  await tx
    .update(emailTokens)
    .set({ usedAt })
    .where(and(eq(emailTokens.userId, used.userId), isUnused));
  return used.userId;
}

/** @returns the user whose address is verified now; null if the token does not work. */
export function verifyEmail(db: Database, { clock }: Runtime, token: string): Promise<string | null> {
  return transaction(db, async (tx) => {
    const now = clock.now();
    const userId = await useToken(tx, 'verify_email', token, now);
    if (userId !== null) await setVerified(tx, userId, now);
    return userId;
  });
}

/**
 * Replaces the password and ends all sessions. The mail has also proved the address.
 *
 * @returns the user; null if the token does not work.
 */
export function resetPassword(
  db: Database,
  { clock }: Runtime,
  { token, passwordHash }: { token: string; passwordHash: string },
): Promise<string | null> {
  return transaction(db, async (tx) => {
    const now = clock.now();
    const userId = await useToken(tx, 'password_reset', token, now);
    if (userId === null) return null;
    await lockUser(tx, userId);
    await tx.update(users).set({ passwordHash, updatedAt: now }).where(eq(users.id, userId));
    await setVerified(tx, userId, now);
    await revokeSessions(tx, clock, { userId });
    return userId;
  });
}

/** The first time counts. */
async function setVerified(tx: Tx, userId: string, at: Date): Promise<void> {
  await tx
    .update(users)
    .set({ emailVerifiedAt: sql`coalesce(${users.emailVerifiedAt}, ${at.toISOString()}::timestamptz)` })
    .where(eq(users.id, userId));
}

/** @returns how many. */
export async function deleteExpiredEmailTokens(db: Queryable, now: Date): Promise<number> {
  const { rowCount } = await db.delete(emailTokens).where(lt(emailTokens.expiresAt, now));
  return rowCount ?? 0;
}
