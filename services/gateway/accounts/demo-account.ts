/** The users and the account that a fresh local installation starts with. */
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { apiKeyDisplayPrefix, hashApiKeySecret, parseApiKey } from '#libs/auth/api-key.ts';
import { hashPassword } from '#libs/auth/password.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { apiKeys, memberships, users } from '#libs/db/schema/gateway.ts';
import { recordWithin } from '#libs/ledger/quota-resources.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { SEATS, seatOwner } from '../members/domain.ts';
import type { StaffRole } from './staff.ts';
import {
  findUserByEmail,
  insertMembership,
  insertOwnedAccount,
  insertUser,
  type OwnedAccount,
} from './store.ts';

export const DEMO_EMAIL = 'demo@inkmeter.local';
export const DEMO_MEMBER_EMAIL = 'member@inkmeter.local';
export const DEMO_STAFF_EMAIL = 'staff@inkmeter.local';

/** Any fixed number; keeps two starts at the same time from creating everything twice. */
const LOCK_KEY = 4_650_715;

type NamedUser = { email: string; password?: string | undefined; name: string };

/**
 * Ensures that the demo account exists, with its owner and its API key. A revoked demo key stays revoked.
 *
 * @param options.apiKey the key's text; it cannot be read back from the database.
 * @param options.password the owner's first password; without it, only the key gives access.
 * @throws TypeError when `apiKey` is not an API key.
 */
export async function ensureDemoAccount(
  db: Database,
  runtime: Runtime,
  options: { apiKey: string; password?: string },
): Promise<OwnedAccount> {
  const key = parseApiKey(options.apiKey);
  if (key === null) throw new TypeError('The demo key is not an API key.');
  const user = { email: DEMO_EMAIL, password: options.password, name: 'Demo' };
  return await withLock(db, async (tx) => {
    const owner = await ensureOwner(tx, runtime, user, 'Demo account');
    await tx
      .insert(apiKeys)
      .values({
        id: runtime.newId(),
        accountId: owner.accountId,
        createdBy: owner.userId,
        name: 'Demo',
        publicId: key.id,
        displayPrefix: apiKeyDisplayPrefix(key.id),
        secretHash: hashApiKeySecret(key.secret).toString('hex'),
        scopes: ['*'],
        createdAt: runtime.clock.now(),
      })
      .onConflictDoNothing({ target: apiKeys.publicId });
    return owner;
  });
}

/** Ensures that an account has an ordinary member with this first password. A removed member stays removed. */
export async function ensureDemoMember(
  db: Database,
  runtime: Runtime,
  { accountId, password }: { accountId: string; password: string },
): Promise<void> {
  await withLock(db, async (tx) => {
    if ((await findUserByEmail(tx, DEMO_MEMBER_EMAIL)) !== undefined) return;
    const userId = await ensureUser(tx, runtime, { email: DEMO_MEMBER_EMAIL, password, name: 'Member' });
    await insertMembership(tx, runtime, { accountId, userId, role: 'member' });
    const seat = { id: runtime.newId(), owner: seatOwner(accountId), meter: SEATS, amount: 1n };
    await recordWithin(tx, null, { ...seat, step: 'create' });
  });
}

/** Creates the demo staff user. One whose role was revoked stays revoked. */
export async function ensureDemoStaff(
  db: Database,
  runtime: Runtime,
  staff: { email: string; password: string },
): Promise<void> {
  if ((await findUserByEmail(db, staff.email)) !== undefined) return;
  await ensureStaffUser(db, runtime, { ...staff, platformRole: 'admin' });
}

/** Ensures that a user has a platform role; an existing user keeps their password. */
export async function ensureStaffUser(
  db: Database,
  runtime: Runtime,
  staff: { email: string; password: string; platformRole: StaffRole },
): Promise<OwnedAccount> {
  const user = { email: staff.email, password: staff.password, name: 'Staff' };
  return await withLock(db, async (tx) => {
    const owner = await ensureOwner(tx, runtime, user, 'Platform staff');
    await tx.update(users).set({ platformRole: staff.platformRole }).where(eq(users.id, owner.userId));
    return owner;
  });
}

function withLock<Result>(db: Database, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  return transaction(db, async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK_KEY})`);
    return await work(tx);
  });
}

async function ensureOwner(
  tx: Tx,
  runtime: Runtime,
  user: NamedUser,
  accountName: string,
): Promise<OwnedAccount> {
  const userId = await ensureUser(tx, runtime, user);
  const [membership] = await tx
    .select({ accountId: memberships.accountId })
    .from(memberships)
    .where(eq(memberships.userId, userId))
    .orderBy(asc(memberships.createdAt))
    .limit(1);
  const accountId =
    membership?.accountId ?? (await insertOwnedAccount(tx, runtime, { name: accountName, ownerId: userId }));
  return { userId, accountId };
}

/** Creates the user, or gives an existing one without a password this one. */
async function ensureUser(tx: Tx, runtime: Runtime, { email, password, name }: NamedUser): Promise<string> {
  const found = await findUserByEmail(tx, email);
  if (found !== undefined && (found.passwordHash !== null || password === undefined)) return found.id;
  const passwordHash = password === undefined ? null : await hashPassword(password);
  if (found === undefined)
    return await insertUser(tx, runtime, {
      email,
      passwordHash,
      name,
      emailVerifiedAt: runtime.clock.now(),
    });
  await tx
    .update(users)
    .set({ passwordHash })
    .where(and(eq(users.id, found.id), isNull(users.passwordHash)));
  return found.id;
}
