import { and, count, desc, eq, gt, isNotNull, isNull, or } from 'drizzle-orm';
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { type Database, only, type Queryable, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { apiKeys } from '#libs/db/schema/gateway.ts';
import { within } from '#libs/db/within.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { lockAccount } from '../members/store.ts';
import { type ApiKeyRow, checkKeyCount } from './domain.ts';

async function countActive(tx: Tx, accountId: string, now: Date): Promise<number> {
  const active = await tx
    .select({ count: count() })
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.accountId, accountId),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
      ),
    );
  return only(active).count;
}

/**
 * Creates a key, and records it in the audit log without its secret.
 *
 * @throws ProblemError `conflict` when the account has too many.
 */
export function insertApiKey(
  db: Database,
  runtime: Pick<Runtime, 'newId'>,
  key: typeof apiKeys.$inferInsert & { createdAt: Date },
  by: Actor,
): Promise<void> {
  const { id, accountId, name, scopes, limits, expiresAt, createdAt: at } = key;
  return transaction(db, async (tx) => {
    await lockAccount(tx, accountId);
    checkKeyCount(await countActive(tx, accountId, at));
    await tx.insert(apiKeys).values(key);
    await recordAudit(tx, {
      id: runtime.newId(),
      at,
      by,
      action: 'api_key.created',
      subject: `api_key:${id}`,
      accountId,
      before: null,
      after: { name, scopes, limits, expires_at: expiresAt ?? null },
      reason: null,
    });
  });
}

/** Newest first, one more than asked for. */
export function listApiKeys(
  db: Queryable,
  accountId: string,
  { limit, cursor, status, ...range }: DatedPageQuery & { status?: 'active' | 'revoked' | undefined },
): Promise<ApiKeyRow[]> {
  const isRevoked = status === 'revoked' ? isNotNull(apiKeys.revokedAt) : isNull(apiKeys.revokedAt);
  return db
    .select()
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.accountId, accountId),
        afterCursor(apiKeys.id, cursor),
        status === undefined ? undefined : isRevoked,
        within(apiKeys.createdAt, range),
      ),
    )
    .orderBy(desc(apiKeys.id))
    .limit(limit + 1);
}

export async function findApiKey(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<ApiKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.accountId, accountId), eq(apiKeys.id, id)));
  return row;
}

export type KeyChange = Partial<
  Pick<ApiKeyRow, 'name' | 'limits' | 'secretHash' | 'previousSecretHash' | 'previousSecretUntil'>
>;

/**
 * Changes a key, and records it in the audit log without its secrets.
 *
 * @param change from the key as it is, under its lock. @throws what it throws.
 */
export function changeApiKey(
  db: Database,
  runtime: Runtime,
  key: { accountId: string; id: string },
  change: { action: 'api_key.changed' | 'api_key.rotated'; by: Actor; of: (key: ApiKeyRow) => KeyChange },
): Promise<ApiKeyRow | undefined> {
  return transaction(db, async (tx) => {
    const [found] = await tx
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.accountId, key.accountId), eq(apiKeys.id, key.id)))
      .for('update');
    if (found === undefined) return undefined;
    const at = runtime.clock.now();
    const changed = { ...found, ...change.of(found), updatedAt: at };
    const { id: _id, ...values } = changed;
    await tx.update(apiKeys).set(values).where(eq(apiKeys.id, key.id));
    await recordAudit(tx, {
      id: runtime.newId(),
      at,
      by: change.by,
      action: change.action,
      subject: `api_key:${key.id}`,
      accountId: key.accountId,
      before: auditedFieldsOf(found),
      after: auditedFieldsOf(changed),
      reason: null,
    });
    await notify(tx, { kind: 'api_key', id: found.publicId });
    return changed;
  });
}

const auditedFieldsOf = ({ name, limits, previousSecretUntil }: ApiKeyRow) => ({
  name,
  limits,
  previous_secret_expires_at: previousSecretUntil,
});

export type Revocation = 'revoked' | 'revoked_before' | 'not_found';

export function revokeApiKey(
  db: Database,
  runtime: Runtime,
  key: { accountId: string; id: string },
  by: Actor,
): Promise<Revocation> {
  return transaction(db, async (tx): Promise<Revocation> => {
    const found = await findApiKey(tx, key.accountId, key.id);
    if (found === undefined) return 'not_found';
    if (found.revokedAt !== null) return 'revoked_before';
    const revokedAt = runtime.clock.now();
    await tx.update(apiKeys).set({ revokedAt, updatedAt: revokedAt }).where(eq(apiKeys.id, key.id));
    await recordAudit(tx, {
      id: runtime.newId(),
      at: revokedAt,
      by,
      action: 'api_key.revoked',
      subject: `api_key:${key.id}`,
      accountId: key.accountId,
      before: { revoked_at: null },
      after: { revoked_at: revokedAt },
      reason: null,
    });
    await notify(tx, { kind: 'api_key', id: found.publicId });
    return 'revoked';
  });
}
