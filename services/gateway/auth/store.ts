/** What authentication reads about credentials, and the users of an external issuer. */
import { and, asc, eq, exists, gt, isNull, ne, type SQL, sql } from 'drizzle-orm';
import { type Database, type Queryable, transaction } from '#libs/db/database.ts';
import { accounts, apiKeys, memberships, refreshTokens, users, workspaces } from '#libs/db/schema/gateway.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import {
  createAccountForOrphan,
  createOwner,
  findUserByEmail,
  findUserById,
  insertOwnedAccount,
  insertUser,
  listMemberAccounts,
  type OwnedAccount,
} from '../accounts/store.ts';
import type { Session } from './domain.ts';

export { createAccountForOrphan, createOwner, findUserByEmail, findUserById, type OwnedAccount };

/** Mail to this domain goes nowhere (RFC 2606). */
export const NO_MAIL_DOMAIN = 'outside.invalid';

async function selectMembership(db: Queryable, condition: SQL | undefined) {
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

export type MembershipRow = NonNullable<Awaited<ReturnType<typeof selectMembership>>>;

/** The membership in the given account, or else in the first account joined that is not deleted. */
export function findMembership(
  db: Queryable,
  userId: string,
  accountId?: string,
): Promise<MembershipRow | null> {
  const account =
    accountId === undefined ? ne(accounts.status, 'deleted') : eq(memberships.accountId, accountId);
  return selectMembership(db, and(eq(memberships.userId, userId), account));
}

/** The membership of a session; null when the session has ended or the user has been removed. */
export function findSessionMembership(
  db: Queryable,
  { userId, accountId, sessionId }: Session,
  now: Date,
): Promise<MembershipRow | null> {
  const isAlive = exists(
    db
      .select({ one: sql`1` })
      .from(refreshTokens)
      .where(
        and(
          eq(refreshTokens.familyId, sessionId),
          eq(refreshTokens.userId, userId),
          eq(refreshTokens.accountId, accountId),
          isNull(refreshTokens.revokedAt),
          gt(refreshTokens.expiresAt, now),
        ),
      ),
  );
  return selectMembership(
    db,
    and(eq(memberships.userId, userId), eq(memberships.accountId, accountId), isAlive),
  );
}

export type ExternalUser = {
  issuer: string;
  subject: string;
  /** Only if the issuer has verified it. */
  email: string | null;
  name: string | null;
};

async function findExternalUser(db: Queryable, { issuer, subject }: ExternalUser) {
  const [found] = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.externalIssuer, issuer), eq(users.externalSubject, subject)));
  return found?.id;
}

/** The user of an external issuer's token, created with an account of their own when first seen. */
export async function provisionExternalUser(
  db: Database,
  runtime: Runtime,
  external: ExternalUser,
): Promise<string> {
  const known = await findExternalUser(db, external);
  if (known !== undefined) {
    // Removed from their last account: they continue in one of their own.
    if ((await listMemberAccounts(db, known)).length === 0) {
      await createAccountForOrphan(db, runtime, { userId: known, verifiedHash: null });
    }
    return known;
  }
  const { issuer, subject, email, name } = external;
  // The same address at two issuers does not prove that it is the same user: they stay two.
  const isFree = email !== null && (await findUserByEmail(db, email)) === undefined;
  const address = isFree ? email : `${runtime.newId()}@${NO_MAIL_DOMAIN}`;
  try {
    return await transaction(db, async (tx) => {
      const userId = await insertUser(tx, runtime, {
        email: address,
        passwordHash: null,
        name,
        externalIssuer: issuer,
        externalSubject: subject,
      });
      await insertOwnedAccount(tx, runtime, { name: name ?? address, ownerId: userId });
      return userId;
    });
  } catch (error) {
    // Of two concurrent first requests, one creates the user and the other finds it.
    const winner = await findExternalUser(db, external);
    if (winner === undefined) throw error;
    return winner;
  }
}

/** Over all accounts, by the public part of the key. */
export async function findApiKeyByPublicId(db: Queryable, publicId: string) {
  const [found] = await db
    .select({ key: apiKeys, accountStatus: accounts.status })
    .from(apiKeys)
    .innerJoin(accounts, eq(accounts.id, apiKeys.accountId))
    .where(eq(apiKeys.publicId, publicId));
  return found ?? null;
}

export async function findWorkspaceOf(db: Queryable, accountId: string, id: string) {
  const [found] = await db
    .select({ id: workspaces.id, accountId: workspaces.accountId })
    .from(workspaces)
    .where(and(eq(workspaces.accountId, accountId), eq(workspaces.id, id)));
  return found ?? null;
}

/** Records when keys were used, by their id. Skips rows that are locked or newer. */
export async function recordKeyUse(db: Queryable, usedAt: ReadonlyMap<string, Date>): Promise<void> {
  const ids = [...usedAt.keys()];
  const times = [...usedAt.values()].map((time) => time.toISOString());
  // Drizzle has no SKIP LOCKED in an update. Waiting for rows of another gateway's batch could deadlock.
  await db.execute(sql`
    with used as (
      select k.id, u.at
      from ${apiKeys} k join unnest(${sql.param(ids)}::uuid[], ${sql.param(times)}::timestamptz[]) as u (id, at) using (id)
      where k.last_used_at is null or k.last_used_at < u.at
      for update of k skip locked
    )
    update ${apiKeys} k set last_used_at = used.at from used where k.id = used.id`);
}
