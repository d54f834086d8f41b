import { and, asc, eq, exists, gt, isNull, type SQL, sql } from 'drizzle-orm';
import type { Pool } from 'pg';
import { accounts, memberships, refreshTokens, users } from '#libs/db/schema/gateway.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { Membership, PeopleStore, Session } from '../auth/ports.ts';
import { lockUser, revokeSessions } from '../auth/sessions-store.ts';
import { createDatabase, onConnection } from './database.ts';
import { insertOwnedAccount, insertUser } from './store.ts';

const person = {
  id: users.id,
  email: users.email,
  name: users.name,
  platformRole: users.platformRole,
  createdAt: users.createdAt,
};

/** Mail to this domain goes nowhere, by RFC 2606. */
const NO_MAIL_DOMAIN = 'outside.invalid';

export function createPeopleStore(pool: Pool, runtime: Runtime): PeopleStore {
  const db = createDatabase(pool);

  async function selectMembership(condition: SQL | undefined): Promise<Membership | null> {
    const [found] = await db
      .select({
        userId: memberships.userId,
        accountId: memberships.accountId,
        role: memberships.role,
        platformRole: users.platformRole,
        accountStatus: accounts.status,
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .innerJoin(accounts, eq(accounts.id, memberships.accountId))
      .where(condition)
      .orderBy(asc(memberships.createdAt), asc(memberships.accountId))
      .limit(1);
    return found ?? null;
  }

  function isAlive({ userId, accountId, sessionId }: Session): SQL {
    return exists(
      db
        .select({ one: sql`1` })
        .from(refreshTokens)
        .where(
          and(
            eq(refreshTokens.familyId, sessionId),
            eq(refreshTokens.userId, userId),
            eq(refreshTokens.accountId, accountId),
            isNull(refreshTokens.revokedAt),
            gt(refreshTokens.expiresAt, runtime.clock.now()),
          ),
        ),
    );
  }

  async function findOutside(issuer: string, subject: string): Promise<string | undefined> {
    const [found] = await db
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.externalIssuer, issuer), eq(users.externalSubject, subject)));
    return found?.id;
  }

  async function isFree(email: string): Promise<boolean> {
    const taken = await db
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.email})`, email.toLowerCase()));
    return taken.length === 0;
  }

  return {
    createOwner: ({ email, passwordHash, name, accountName }) =>
      transaction(pool, async (connection) => {
        const tx = onConnection(connection);
        const userId = await insertUser(tx, runtime, { email, passwordHash, name });
        const account = { name: accountName, ownerId: userId };
        return { userId, accountId: await insertOwnedAccount(connection, runtime, account) };
      }),

    async provision({ issuer, subject, email, name }) {
      const known = await findOutside(issuer, subject);
      if (known !== undefined) return { userId: known };
      // An address that somebody here has already says nothing about who this is: the two stay two people.
      const address =
        email !== null && (await isFree(email)) ? email : `${runtime.newId()}@${NO_MAIL_DOMAIN}`;
      try {
        return await transaction(pool, async (connection) => {
          const user = { email: address, passwordHash: null, name, outside: { issuer, subject } };
          const userId = await insertUser(onConnection(connection), runtime, user);
          await insertOwnedAccount(connection, runtime, { name: name ?? address, ownerId: userId });
          return { userId };
        });
      } catch (error) {
        // Two first requests at once: one creates, the other finds.
        const winner = await findOutside(issuer, subject);
        if (winner === undefined) throw error;
        return { userId: winner };
      }
    },

    async findCredentials(email) {
      const [found] = await db
        .select({ userId: users.id, passwordHash: users.passwordHash })
        .from(users)
        .where(eq(sql`lower(${users.email})`, email.toLowerCase()));
      return found ?? null;
    },

    async findPassword(userId) {
      const [found] = await db
        .select({ passwordHash: users.passwordHash })
        .from(users)
        .where(eq(users.id, userId));
      return found?.passwordHash ?? null;
    },

    findMembership: (userId, accountId) =>
      selectMembership(
        and(
          eq(memberships.userId, userId),
          accountId === undefined ? undefined : eq(memberships.accountId, accountId),
        ),
      ),

    findSessionMembership: (session) =>
      selectMembership(
        and(
          eq(memberships.userId, session.userId),
          eq(memberships.accountId, session.accountId),
          isAlive(session),
        ),
      ),

    async findPerson(userId) {
      const [found] = await db.select(person).from(users).where(eq(users.id, userId));
      return found ?? null;
    },

    async findAccount(accountId) {
      const [found] = await db.select().from(accounts).where(eq(accounts.id, accountId));
      return found ?? null;
    },

    async rename(userId, name) {
      await db.update(users).set({ name }).where(eq(users.id, userId));
    },

    changePassword: (userId, verifiedHash, newHash) =>
      db.transaction(async (tx) => {
        if ((await lockUser(tx, userId)) !== verifiedHash) return false;
        await tx.update(users).set({ passwordHash: newHash }).where(eq(users.id, userId));
        await revokeSessions(tx, runtime.clock, { userId });
        return true;
      }),
  };
}
