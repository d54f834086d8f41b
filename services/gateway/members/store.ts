import { and, asc, count, eq, gt, isNull } from 'drizzle-orm';
import type { AccountRole } from '#libs/contracts/internal-context.ts';
import type { PageQuery } from '#libs/contracts/page.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { accounts, apiKeys, memberships, users } from '#libs/db/schema/gateway.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { lockUser, revokeSessions } from '../auth/sessions-store.ts';

export { findAccount, findUserByEmail, insertMembership, insertUser } from '../accounts/store.ts';

const selectMember = (db: Queryable) =>
  db
    .select({
      userId: users.id,
      email: users.email,
      name: users.name,
      role: memberships.role,
      joinedAt: memberships.createdAt,
      updatedAt: memberships.updatedAt,
    })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId));

export type MemberRow = Awaited<ReturnType<typeof selectMember>>[number];
export type Member = { accountId: string; userId: string };

const isMembership = ({ accountId, userId }: Member) =>
  and(eq(memberships.accountId, accountId), eq(memberships.userId, userId));

/** By user id, one more than asked for. */
export function listMembers(
  db: Queryable,
  accountId: string,
  { limit, cursor, role }: PageQuery & { role?: AccountRole | undefined },
): Promise<MemberRow[]> {
  return selectMember(db)
    .where(
      and(
        eq(memberships.accountId, accountId),
        cursor === undefined ? undefined : gt(memberships.userId, cursor),
        role === undefined ? undefined : eq(memberships.role, role),
      ),
    )
    .orderBy(asc(memberships.userId))
    .limit(limit + 1);
}

export async function findMember(db: Queryable, member: Member): Promise<MemberRow | undefined> {
  const [found] = await selectMember(db).where(isMembership(member));
  return found;
}

/** @throws ProblemError `not_found` */
export async function getMember(db: Queryable, member: Member): Promise<MemberRow> {
  const found = await findMember(db, member);
  if (found === undefined) throw problem('not_found');
  return found;
}

export async function setEmailVerified(tx: Tx, userId: string, at: Date): Promise<void> {
  await tx.update(users).set({ emailVerifiedAt: at }).where(eq(users.id, userId));
}

export async function countOwners(tx: Tx, accountId: string): Promise<number> {
  const owners = await tx
    .select({ count: count() })
    .from(memberships)
    .where(and(eq(memberships.accountId, accountId), eq(memberships.role, 'owner')));
  return only(owners).count;
}

/** Serialises changes of an account's members, so that two owners cannot demote each other at the same time. */
export async function lockAccount(tx: Tx, accountId: string): Promise<void> {
  await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for('no key update');
}

export async function updateRole(
  tx: Tx,
  member: Member,
  change: { role: AccountRole; updatedAt: Date },
): Promise<void> {
  await tx.update(memberships).set(change).where(isMembership(member));
  await notify(tx, { kind: 'user', id: member.userId });
}

/** Deletes the membership and ends the user's sessions in the account. */
export async function deleteMembership(tx: Tx, clock: Clock, member: Member): Promise<void> {
  await lockUser(tx, member.userId);
  await tx.delete(memberships).where(isMembership(member));
  await revokeSessions(tx, clock, member);
}

const isKeyOf = ({ accountId, userId }: Member) =>
  and(eq(apiKeys.accountId, accountId), eq(apiKeys.createdBy, userId), isNull(apiKeys.revokedAt));

/** Revokes the API keys that a member created. They stop working on every gateway within a second. */
export async function revokeKeys(tx: Tx, member: Member, revokedAt: Date): Promise<{ id: string }[]> {
  const keys = await tx
    .update(apiKeys)
    .set({ revokedAt, updatedAt: revokedAt })
    .where(isKeyOf(member))
    .returning({ id: apiKeys.id, publicId: apiKeys.publicId });
  for (const { publicId } of keys) await notify(tx, { kind: 'api_key', id: publicId });
  return keys;
}

/** Makes another member responsible for them. */
export function transferKeys(
  tx: Tx,
  member: Member,
  to: { createdBy: string; updatedAt: Date },
): Promise<{ id: string }[]> {
  return tx.update(apiKeys).set(to).where(isKeyOf(member)).returning({ id: apiKeys.id });
}
