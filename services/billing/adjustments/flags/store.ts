import { asc, eq, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { featureFlags } from '#libs/db/schema/billing.ts';
import type { FlagRow } from './domain.ts';

export function listFlags(db: Queryable): Promise<FlagRow[]> {
  return db.select().from(featureFlags).orderBy(asc(featureFlags.key));
}

export async function findFlag(db: Queryable, key: string): Promise<FlagRow | undefined> {
  const [row] = await db.select().from(featureFlags).where(eq(featureFlags.key, key));
  return row;
}

/** Reads a flag and keeps other changes of it out until the transaction ends, even if it does not exist yet. */
export async function lockFlag(tx: Tx, key: string): Promise<FlagRow | undefined> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('flag ' || ${key}::text, 0))`);
  return findFlag(tx, key);
}

export async function saveFlag(tx: Tx, flag: FlagRow): Promise<void> {
  await tx.insert(featureFlags).values(flag).onConflictDoUpdate({ target: featureFlags.key, set: flag });
}

export async function deleteFlag(tx: Tx, key: string): Promise<void> {
  await tx.delete(featureFlags).where(eq(featureFlags.key, key));
}
