import { and, eq, gt, isNull, or } from 'drizzle-orm';
import type { StartAutopilotRun } from '#libs/contracts/autopilot-runs.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Queryable } from '#libs/db/database.ts';
import { apiKeys } from '#libs/db/schema/gateway.ts';
import { findAccount } from '../accounts/store.ts';
import { findMembership, findWorkspaceOf } from '../auth/store.ts';

/** What a run needs of the scopes of an API key, as `POST /api/autopilots` does. */
const SCOPE = '*';

/** Whom a run acts for, as they are now. @returns null if they, or their workspace, have been removed. */
export async function findCreator(
  db: Queryable,
  { accountId, userId, keyId, workspaceId }: StartAutopilotRun,
  now: Date,
): Promise<Caller | null> {
  if (workspaceId !== null && (await findWorkspaceOf(db, accountId, workspaceId)) === null) return null;
  if (keyId !== null) {
    const isUsable = await isKeyUsable(db, accountId, keyId, now);
    const caller = { accountId, userId, keyId, workspaceId, role: 'member', platformRole: 'none' } as const;
    return isUsable ? { ...caller, scopes: [SCOPE] } : null;
  }
  const membership = userId === null ? null : await findMembership(db, userId, accountId);
  if (membership === null) return null;
  const { role, platformRole } = membership;
  return { accountId, userId, keyId, workspaceId, role, platformRole, scopes: [SCOPE] };
}

async function isKeyUsable(db: Queryable, accountId: string, keyId: string, now: Date): Promise<boolean> {
  const [key] = await db
    .select({ scopes: apiKeys.scopes })
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.accountId, accountId),
        eq(apiKeys.id, keyId),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
      ),
    );
  return key?.scopes.includes(SCOPE) === true;
}

export async function findAccountStatus(db: Queryable, accountId: string) {
  return (await findAccount(db, accountId))?.status ?? 'deleted';
}
