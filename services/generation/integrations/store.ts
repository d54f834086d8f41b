import { and, eq, notLike } from 'drizzle-orm';
import type { IntegrationProvider } from '#libs/contracts/integrations.ts';
import { only, type Queryable } from '#libs/db/database.ts';
import { integrations } from '#libs/db/schema/integrations.ts';
import type { IntegrationRow } from './domain/integration.ts';

type Key = Pick<IntegrationRow, 'accountId' | 'provider'>;

const at = ({ accountId, provider }: Key) =>
  and(eq(integrations.accountId, accountId), eq(integrations.provider, provider));

export function listIntegrations(db: Queryable, accountId: string): Promise<IntegrationRow[]> {
  return db.select().from(integrations).where(eq(integrations.accountId, accountId));
}

export async function findIntegration(
  db: Queryable,
  accountId: string,
  provider: IntegrationProvider,
): Promise<IntegrationRow | undefined> {
  const [row] = await db.select().from(integrations).where(at({ accountId, provider }));
  return row;
}

/** Adds a connection, or replaces the one there is. */
export async function saveIntegration(db: Queryable, row: IntegrationRow): Promise<IntegrationRow> {
  const { accountId: _, provider: __, ...changes } = row;
  return only(
    await db
      .insert(integrations)
      .values(row)
      .onConflictDoUpdate({ target: [integrations.accountId, integrations.provider], set: changes })
      .returning(),
  );
}

/** @returns the deleted connection; undefined if there was none. */
export async function deleteIntegration(db: Queryable, key: Key): Promise<IntegrationRow | undefined> {
  const [row] = await db.delete(integrations).where(at(key)).returning();
  return row;
}

/** Records a use. @param lastError null after a success. */
export async function recordUse(
  db: Queryable,
  key: Key,
  { at: lastUsedAt, error: lastError }: { at: Date; error: string | null },
): Promise<void> {
  await db.update(integrations).set({ lastUsedAt, lastError }).where(at(key));
}

/** Connections whose secret does not begin like those of the key in use. */
export function listSealedOtherwise(db: Queryable, prefix: string): Promise<IntegrationRow[]> {
  return db
    .select()
    .from(integrations)
    .where(notLike(integrations.secret, `${prefix}%`));
}

/** Unless the secret was replaced meanwhile. */
export async function replaceSecret(db: Queryable, row: IntegrationRow, secret: string): Promise<void> {
  await db
    .update(integrations)
    .set({ secret })
    .where(and(at(row), eq(integrations.secret, row.secret)));
}
