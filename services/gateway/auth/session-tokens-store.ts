import { eq } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { accounts, apiKeys, sessionTokens } from '#libs/db/schema/gateway.ts';

/** A token with the key that made it. */
export async function findSessionToken(db: Queryable, publicId: string) {
  const [found] = await db
    .select({ token: sessionTokens, key: apiKeys, accountStatus: accounts.status })
    .from(sessionTokens)
    .innerJoin(apiKeys, eq(apiKeys.id, sessionTokens.keyId))
    .innerJoin(accounts, eq(accounts.id, sessionTokens.accountId))
    .where(eq(sessionTokens.publicId, publicId));
  return found ?? null;
}
