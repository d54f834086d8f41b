import { hash, randomBytes } from 'node:crypto';
import { and, eq, isNull, lt, type SQL } from 'drizzle-orm';
import { type Database, type Queryable, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { accounts, memberships, refreshTokens, users } from '#libs/db/schema/gateway.ts';
import type { Clock, Runtime } from '#libs/service/runtime.ts';
import type { Session } from './domain.ts';

export type SessionToken = Session & { refreshToken: string };

export type SessionsContext = { database: Database; runtime: Runtime; refreshTokenTtlMs: number };

export type Rotation =
  | { outcome: 'rotated'; session: SessionToken }
  | { outcome: 'invalid' }
  /** The token was used before, so its session has ended. */
  | { outcome: 'reused'; session: Session }
  | { outcome: 'suspended' }
  /** The user does not belong to the account they want to switch to. */
  | { outcome: 'not_a_member' };

const TOKEN_PREFIX = 'irt_';
const TOKEN_BYTES = 32;
/** Two tabs that refresh at once, or a client whose response was lost, use one token twice within seconds. */
const REUSE_GRACE_MS = 10_000;
/** Expired tokens stay for a while, so that the log says "expired" and not "unknown". */
const KEPT_AFTER_EXPIRY_MS = 24 * 60 * 60 * 1000;

/** 256 random bits cannot be guessed, so no stretching is needed. */
const hashToken = (token: string): string => hash('sha256', token, 'hex');

/**
 * Every change of a user's sessions or password takes this lock first, so that a session cannot start or continue while
 * it is being ended.
 *
 * @returns the current password hash; undefined if there is no such user.
 */
export async function lockUser(tx: Tx, userId: string): Promise<string | null | undefined> {
  const [found] = await tx
    .select({ passwordHash: users.passwordHash })
    .from(users)
    .where(eq(users.id, userId))
    .for('no key update');
  return found?.passwordHash;
}

/** Ends sessions of one user: all, those in one account, or a single one. Access tokens follow by notification. */
export async function revokeSessions(
  tx: Tx,
  clock: Clock,
  which: { userId: string; accountId?: string; sessionId?: string },
): Promise<void> {
  const conditions: SQL[] = [eq(refreshTokens.userId, which.userId), isNull(refreshTokens.revokedAt)];
  if (which.accountId !== undefined) conditions.push(eq(refreshTokens.accountId, which.accountId));
  if (which.sessionId !== undefined) conditions.push(eq(refreshTokens.familyId, which.sessionId));
  await tx
    .update(refreshTokens)
    .set({ revokedAt: clock.now() })
    .where(and(...conditions));
  await notify(tx, { kind: 'user', id: which.userId });
}

async function issueToken(tx: Tx, context: SessionsContext, session: Session): Promise<SessionToken> {
  const now = context.runtime.clock.now();
  const refreshToken = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  await tx.insert(refreshTokens).values({
    id: context.runtime.newId(),
    familyId: session.sessionId,
    userId: session.userId,
    accountId: session.accountId,
    tokenHash: hashToken(refreshToken),
    createdAt: now,
    expiresAt: new Date(now.getTime() + context.refreshTokenTtlMs),
  });
  return { ...session, refreshToken };
}

async function findToken(tx: Tx, refreshToken: string) {
  const [found] = await tx
    .select()
    .from(refreshTokens)
    .where(eq(refreshTokens.tokenHash, hashToken(refreshToken)));
  return found;
}

/** The status of an account, if the user belongs to it. */
async function findMemberAccountStatus(tx: Tx, userId: string, accountId: string) {
  const [found] = await tx
    .select({ status: accounts.status })
    .from(memberships)
    .innerJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(and(eq(memberships.userId, userId), eq(memberships.accountId, accountId)));
  return found?.status;
}

/**
 * @param login.verifiedHash the password hash that was just verified.
 * @param login.newHash replaces it, when it was made with weaker parameters.
 * @returns null if the password has changed meanwhile.
 */
export function startSession(
  context: SessionsContext,
  login: { userId: string; accountId: string; verifiedHash: string; newHash?: string },
): Promise<SessionToken | null> {
  const { userId, accountId, verifiedHash, newHash } = login;
  return transaction(context.database, async (tx) => {
    if ((await lockUser(tx, userId)) !== verifiedHash) return null;
    if (newHash !== undefined) {
      await tx.update(users).set({ passwordHash: newHash }).where(eq(users.id, userId));
    }
    return await issueToken(tx, context, { userId, accountId, sessionId: context.runtime.newId() });
  });
}

/**
 * Exchanges a refresh token for the next one. Within seconds of its first use it works again, for the same session; after
 * that, using it ends the session.
 *
 * @param accountId the account the session continues in; its current one by default. A refused switch does not use up
 * the token.
 */
export function rotateSession(
  context: SessionsContext,
  refreshToken: string,
  accountId?: string,
): Promise<Rotation> {
  const { clock } = context.runtime;
  return transaction(context.database, async (tx): Promise<Rotation> => {
    const owner = await findToken(tx, refreshToken);
    if (owner === undefined) return { outcome: 'invalid' };
    await lockUser(tx, owner.userId);
    // Read again: the previous holder of the lock may have used it.
    const token = await findToken(tx, refreshToken);
    if (token === undefined || token.expiresAt <= clock.now()) return { outcome: 'invalid' };
    const session = { userId: token.userId, accountId: token.accountId, sessionId: token.familyId };
    const usedForMs = token.usedAt === null ? 0 : clock.now().getTime() - token.usedAt.getTime();
    if (usedForMs > REUSE_GRACE_MS) {
      await revokeSessions(tx, clock, { userId: token.userId, sessionId: token.familyId });
      return { outcome: 'reused', session };
    }
    if (token.revokedAt !== null) return { outcome: 'invalid' };
    const next = { ...session, accountId: accountId ?? token.accountId };
    const status = await findMemberAccountStatus(tx, next.userId, next.accountId);
    if (status === 'suspended') return { outcome: 'suspended' };
    if (status !== 'active') return { outcome: accountId === undefined ? 'invalid' : 'not_a_member' };
    if (token.usedAt === null) {
      await tx.update(refreshTokens).set({ usedAt: clock.now() }).where(eq(refreshTokens.id, token.id));
    }
    return { outcome: 'rotated', session: await issueToken(tx, context, next) };
  });
}

/** Ends the session of a refresh token in any state. */
export function endSession(context: SessionsContext, refreshToken: string): Promise<Session | null> {
  return transaction(context.database, async (tx) => {
    const token = await findToken(tx, refreshToken);
    if (token === undefined) return null;
    const session = { userId: token.userId, accountId: token.accountId, sessionId: token.familyId };
    await lockUser(tx, session.userId);
    await revokeSessions(tx, context.runtime.clock, {
      userId: session.userId,
      sessionId: session.sessionId,
    });
    return session;
  });
}

/** Deletes tokens that expired long ago. @returns how many. */
export async function deleteExpiredTokens(db: Queryable, now: Date): Promise<number> {
  const { rowCount } = await db
    .delete(refreshTokens)
    .where(lt(refreshTokens.expiresAt, new Date(now.getTime() - KEPT_AFTER_EXPIRY_MS)));
  return rowCount ?? 0;
}
