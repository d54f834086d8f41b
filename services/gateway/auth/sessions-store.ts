import { hash, randomBytes } from 'node:crypto';
import { and, eq, isNull, lt, type SQL } from 'drizzle-orm';
import { accounts, memberships, refreshTokens, users } from '#libs/db/schema/gateway.ts';
import type { Clock, Runtime } from '#libs/service/runtime.ts';
import { type Database, notify, type Transaction } from '../accounts/database.ts';
import type { Rotation, Session, SessionStore, SessionToken } from './ports.ts';

const TOKEN_PREFIX = 'irt_';
const TOKEN_BYTES = 32;
/** An expired token is kept for a while, so that using it says "expired" rather than "unknown" in the log. */
const KEPT_AFTER_EXPIRY_MS = 24 * 60 * 60 * 1000;

/** 256 random bits cannot be guessed, so there is nothing to stretch. */
const hashToken = (token: string): string => hash('sha256', token, 'hex');

/**
 * Every change of somebody's sessions or password takes this lock first, so that a session cannot be continued or
 * begun while it is being ended.
 *
 * @returns the password hash now in force; undefined if there is no such user.
 */
export async function lockUser(tx: Transaction, userId: string): Promise<string | null | undefined> {
  const [found] = await tx
    .select({ passwordHash: users.passwordHash })
    .from(users)
    .where(eq(users.id, userId))
    .for('no key update');
  return found?.passwordHash;
}

/** Ends sessions of one user: all, those in one account, or a single one. Access tokens follow by notification. */
export async function revokeSessions(
  tx: Transaction,
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

export function createSessionStore(
  db: Database,
  runtime: Runtime,
  options: { refreshTokenTtlMs: number },
): SessionStore {
  async function issue(tx: Transaction, session: Session): Promise<SessionToken> {
    const now = runtime.clock.now();
    const refreshToken = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    await tx.insert(refreshTokens).values({
      id: runtime.newId(),
      familyId: session.sessionId,
      userId: session.userId,
      accountId: session.accountId,
      tokenHash: hashToken(refreshToken),
      createdAt: now,
      expiresAt: new Date(now.getTime() + options.refreshTokenTtlMs),
    });
    return { ...session, refreshToken };
  }

  async function findToken(tx: Transaction, refreshToken: string) {
    const [found] = await tx
      .select()
      .from(refreshTokens)
      .where(eq(refreshTokens.tokenHash, hashToken(refreshToken)));
    return found;
  }

  /** The account a session is in, as long as its person belongs to it. */
  async function findAccountStatus(tx: Transaction, { userId, accountId }: Session) {
    const [found] = await tx
      .select({ status: accounts.status })
      .from(memberships)
      .innerJoin(accounts, eq(accounts.id, memberships.accountId))
      .where(and(eq(memberships.userId, userId), eq(memberships.accountId, accountId)));
    return found?.status;
  }

  return {
    start: ({ userId, accountId, verifiedHash, newHash }) =>
      db.transaction(async (tx) => {
        if ((await lockUser(tx, userId)) !== verifiedHash) return null;
        if (newHash !== undefined) {
          await tx.update(users).set({ passwordHash: newHash }).where(eq(users.id, userId));
        }
        return await issue(tx, { userId, accountId, sessionId: runtime.newId() });
      }),

    rotate: (refreshToken) =>
      db.transaction(async (tx): Promise<Rotation> => {
        const owner = await findToken(tx, refreshToken);
        if (owner === undefined) return { outcome: 'invalid' };
        await lockUser(tx, owner.userId);
        // Read again: whoever held the lock before may have used it.
        const token = await findToken(tx, refreshToken);
        if (token === undefined || token.expiresAt <= runtime.clock.now()) return { outcome: 'invalid' };
        const session = { userId: token.userId, accountId: token.accountId, sessionId: token.familyId };
        if (token.usedAt !== null) {
          await revokeSessions(tx, runtime.clock, session);
          return { outcome: 'reused', session };
        }
        if (token.revokedAt !== null) return { outcome: 'invalid' };
        const status = await findAccountStatus(tx, session);
        if (status === 'suspended') return { outcome: 'suspended' };
        if (status !== 'active') return { outcome: 'invalid' };
        await tx
          .update(refreshTokens)
          .set({ usedAt: runtime.clock.now() })
          .where(eq(refreshTokens.id, token.id));
        return { outcome: 'rotated', session: await issue(tx, session) };
      }),

    end: (refreshToken) =>
      db.transaction(async (tx) => {
        const token = await findToken(tx, refreshToken);
        if (token === undefined) return null;
        await lockUser(tx, token.userId);
        const session = { userId: token.userId, accountId: token.accountId, sessionId: token.familyId };
        await revokeSessions(tx, runtime.clock, session);
        return session;
      }),

    async purge() {
      const { rowCount } = await db
        .delete(refreshTokens)
        .where(lt(refreshTokens.expiresAt, new Date(runtime.clock.now().getTime() - KEPT_AFTER_EXPIRY_MS)));
      return rowCount ?? 0;
    },
  };
}
