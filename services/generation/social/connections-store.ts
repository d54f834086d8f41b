import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { socialConnections } from '#libs/db/schema/generation.ts';
import type { SocialConnection } from './domain.ts';

/** Newest first, one more than the page has. */
export function listConnections(
  db: Queryable,
  accountId: string,
  { limit, cursor }: PageQuery,
): Promise<SocialConnection[]> {
  return db
    .select()
    .from(socialConnections)
    .where(and(eq(socialConnections.accountId, accountId), afterCursor(socialConnections.id, cursor)))
    .orderBy(desc(socialConnections.id))
    .limit(limit + 1);
}

export function findConnections(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<SocialConnection[]> {
  return db
    .select()
    .from(socialConnections)
    .where(and(eq(socialConnections.accountId, accountId), inArray(socialConnections.id, [...ids])));
}

/** All of the account, whose plan limits their number. */
export function findAccountConnections(db: Queryable, accountId: string): Promise<SocialConnection[]> {
  return db.select().from(socialConnections).where(eq(socialConnections.accountId, accountId));
}

/** Whether the account has this connection already; handles are compared without case. */
export async function isConnected(
  db: Queryable,
  accountId: string,
  platform: string,
  handle: string,
): Promise<boolean> {
  const rows = await db
    .select({ id: socialConnections.id })
    .from(socialConnections)
    .where(
      and(
        eq(socialConnections.accountId, accountId),
        eq(socialConnections.platform, platform),
        eq(sql`lower(${socialConnections.handle})`, sql`lower(${handle})`),
      ),
    );
  return rows.length > 0;
}

/** @returns false if the account is connected already. */
export async function insertConnection(tx: Tx, connection: SocialConnection): Promise<boolean> {
  const { rowCount } = await tx.insert(socialConnections).values(connection).onConflictDoNothing();
  return rowCount === 1;
}

/** @returns the deleted connection; undefined if there is none. */
export async function deleteConnection(
  tx: Tx,
  accountId: string,
  id: string,
): Promise<SocialConnection | undefined> {
  const [connection] = await tx
    .delete(socialConnections)
    .where(and(eq(socialConnections.accountId, accountId), eq(socialConnections.id, id)))
    .returning();
  return connection;
}
