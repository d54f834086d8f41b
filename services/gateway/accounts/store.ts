import { and, asc, eq, ne, sql } from 'drizzle-orm';
import { type Database, type Queryable, type Tx, transaction, violatesUnique } from '#libs/db/database.ts';
import { accounts, memberships, users } from '#libs/db/schema/gateway.ts';
import { recordWithin } from '#libs/ledger/quota-resources.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { lockUser, revokeSessions } from '../auth/sessions-store.ts';
import { SEATS, seatOwner } from '../members/domain.ts';
import { normaliseEmail } from './domain.ts';

export type UserInput = Pick<typeof users.$inferInsert, 'email' | 'passwordHash' | 'name'> &
  Partial<Pick<typeof users.$inferInsert, 'externalIssuer' | 'externalSubject' | 'emailVerifiedAt'>>;
export type UserRow = typeof users.$inferSelect;
export type AccountRow = typeof accounts.$inferSelect;
export type OwnedAccount = { accountId: string; userId: string };

const hasEmail = (email: string) => eq(sql`lower(${users.email})`, email.toLowerCase());

/**
 * @returns the new user's id.
 * @throws ProblemError `email_taken`; the transaction is aborted then.
 */
export async function insertUser(tx: Tx, runtime: Runtime, user: UserInput): Promise<string> {
  const id = runtime.newId();
  const now = runtime.clock.now();
  try {
    await tx
      .insert(users)
      .values({ ...user, id, emailNormalised: normaliseEmail(user.email), createdAt: now, updatedAt: now });
  } catch (error) {
    throw violatesUnique(error, 'users_email') ? problem('email_taken', { cause: error }) : error;
  }
  return id;
}

/**
 * The owner's seat counts from the start, and no limit refuses it.
 * @returns the new account's id.
 */
export async function insertOwnedAccount(
  tx: Tx,
  runtime: Runtime,
  account: { name: string; ownerId: string },
): Promise<string> {
  const id = runtime.newId();
  const now = runtime.clock.now();
  await tx.insert(accounts).values({ id, name: account.name, createdAt: now, updatedAt: now });
  await insertMembership(tx, runtime, { accountId: id, userId: account.ownerId, role: 'owner' });
  await recordWithin(tx, null, {
    id,
    owner: seatOwner(id),
    meter: SEATS,
    amount: 1n,
    step: 'create',
  });
  return id;
}

export async function insertMembership(
  tx: Tx,
  runtime: Runtime,
  membership: Omit<typeof memberships.$inferInsert, 'createdAt'>,
): Promise<void> {
  await tx.insert(memberships).values({ ...membership, createdAt: runtime.clock.now() });
}

/**
 * Creates a user and an account that they own.
 *
 * @param onCreated runs in the same transaction.
 * @throws ProblemError `email_taken`
 */
export function createOwner(
  db: Database,
  runtime: Runtime,
  { accountName, ...user }: UserInput & { accountName: string },
  onCreated: (tx: Tx) => Promise<void> = async () => {},
): Promise<OwnedAccount> {
  return transaction(db, async (tx) => {
    const userId = await insertUser(tx, runtime, user);
    await onCreated(tx);
    return {
      userId,
      accountId: await insertOwnedAccount(tx, runtime, { name: accountName, ownerId: userId }),
    };
  });
}

/**
 * Creates an account of their own for a user who belongs to none, such as one removed from their last account.
 *
 * @param owner.verifiedHash the password hash that the caller has verified; null for an external user.
 * @returns the new account's id; null if the user has an account, or another password by now.
 */
export function createAccountForOrphan(
  db: Database,
  runtime: Runtime,
  owner: { userId: string; verifiedHash: string | null; accountName?: string | undefined },
): Promise<string | null> {
  const { userId } = owner;
  return transaction(db, async (tx) => {
    if ((await lockUser(tx, userId)) !== owner.verifiedHash) return null;
    if ((await listMemberAccounts(tx, userId)).length > 0) return null;
    const user = await findUser(tx, userId);
    const name = owner.accountName ?? user?.name ?? user?.email ?? userId;
    return await insertOwnedAccount(tx, runtime, { name, ownerId: userId });
  });
}

export async function findUser(db: Queryable, userId: string): Promise<UserRow | undefined> {
  const [found] = await db.select().from(users).where(eq(users.id, userId));
  return found;
}

export async function findUserByEmail(db: Queryable, email: string): Promise<UserRow | undefined> {
  const [found] = await db.select().from(users).where(hasEmail(email));
  return found;
}

export async function findUserById(db: Queryable, id: string): Promise<UserRow | undefined> {
  const [found] = await db.select().from(users).where(eq(users.id, id));
  return found;
}

export async function findAccount(db: Queryable, accountId: string): Promise<AccountRow | undefined> {
  const [found] = await db.select().from(accounts).where(eq(accounts.id, accountId));
  return found;
}

/** The accounts of a user, in the order in which they joined; without deleted ones. */
export function listMemberAccounts(db: Queryable, userId: string) {
  return db
    .select({
      id: accounts.id,
      name: accounts.name,
      status: accounts.status,
      role: memberships.role,
      joinedAt: memberships.createdAt,
    })
    .from(memberships)
    .innerJoin(accounts, eq(accounts.id, memberships.accountId))
    .where(and(eq(memberships.userId, userId), ne(accounts.status, 'deleted')))
    .orderBy(asc(memberships.createdAt), asc(memberships.accountId));
}

export async function renameUser(
  db: Queryable,
  userId: string,
  { name, updatedAt }: { name: string; updatedAt: Date },
): Promise<void> {
  await db.update(users).set({ name, updatedAt }).where(eq(users.id, userId));
}

/**
 * Replaces the password and ends all sessions.
 *
 * @returns false if the password is no longer the one that was verified.
 */
export function changePassword(
  db: Database,
  runtime: Runtime,
  { userId, verifiedHash, newHash }: { userId: string; verifiedHash: string; newHash: string },
): Promise<boolean> {
  return transaction(db, async (tx) => {
    if ((await lockUser(tx, userId)) !== verifiedHash) return false;
    const updatedAt = runtime.clock.now();
    await tx.update(users).set({ passwordHash: newHash, updatedAt }).where(eq(users.id, userId));
    await revokeSessions(tx, runtime.clock, { userId });
    return true;
  });
}
