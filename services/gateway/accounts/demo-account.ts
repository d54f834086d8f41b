/** Accounts that a fresh installation begins with. */
import { eq, sql } from 'drizzle-orm';
import type { Pool } from 'pg';
import { apiKeyDisplayPrefix, hashApiKeySecret, parseApiKey } from '#libs/auth/api-key.ts';
import { hashPassword } from '#libs/auth/password.ts';
import type { PlatformRole } from '#libs/contracts/internal-context.ts';
import { apiKeys, memberships, users } from '#libs/db/schema/gateway.ts';
import { type Connection, transaction } from '#libs/db/transaction.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { onConnection } from './database.ts';
import { insertOwnedAccount, insertUser } from './store.ts';

export const DEMO_EMAIL = 'demo@inkmeter.local';

/** Any fixed number will do; keeps two starts at the same time from creating everything twice. */
const LOCK_KEY = 4_650_715;

export type OwnedAccount = { accountId: string; userId: string };

/**
 * Makes sure that there is a demo account, owned by an ordinary user, and that a key opens it. Does nothing when all
 * is there; a demo key that somebody revoked stays revoked.
 *
 * @param options.apiKey the key's text, kept by the caller, because it can never be read back.
 * @param options.password set when the user is created; without it, they can only use the key.
 */
export async function ensureDemoAccount(
  pool: Pool,
  runtime: Runtime,
  options: { apiKey: string; password?: string },
): Promise<OwnedAccount> {
  const key = parseApiKey(options.apiKey);
  if (key === null) throw new TypeError('The demo key is not an API key.');
  const passwordHash = options.password === undefined ? null : await hashPassword(options.password);
  return await transaction(pool, async (connection) => {
    const tx = onConnection(connection);
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK_KEY})`);
    const owner = await ensureOwner(connection, runtime, {
      email: DEMO_EMAIL,
      passwordHash,
      name: 'Demo',
      accountName: 'Demo account',
    });
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

/**
 * Makes sure that there is a user with a platform role; an existing user is given the role and keeps their password.
 */
export async function ensureStaffUser(
  pool: Pool,
  runtime: Runtime,
  staff: { email: string; password: string; platformRole: Exclude<PlatformRole, 'none'> },
): Promise<OwnedAccount> {
  const passwordHash = await hashPassword(staff.password);
  return await transaction(pool, async (connection) => {
    const tx = onConnection(connection);
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK_KEY})`);
    const owner = await ensureOwner(connection, runtime, {
      email: staff.email,
      passwordHash,
      name: 'Staff',
      accountName: 'Platform staff',
    });
    await tx.update(users).set({ platformRole: staff.platformRole }).where(eq(users.id, owner.userId));
    return owner;
  });
}

async function ensureOwner(
  connection: Connection,
  runtime: Runtime,
  owner: { email: string; passwordHash: string | null; name: string; accountName: string },
): Promise<OwnedAccount> {
  const tx = onConnection(connection);
  const [found] = await tx
    .select({ accountId: memberships.accountId, userId: users.id })
    .from(users)
    .innerJoin(memberships, eq(memberships.userId, users.id))
    .where(eq(sql`lower(${users.email})`, owner.email.toLowerCase()))
    .orderBy(memberships.createdAt)
    .limit(1);
  if (found !== undefined) return found;
  const { email, passwordHash, name, accountName } = owner;
  const userId = await insertUser(tx, runtime, { email, passwordHash, name });
  const accountId = await insertOwnedAccount(connection, runtime, { name: accountName, ownerId: userId });
  return { userId, accountId };
}
