import { and, desc, eq, max, ne, sql } from 'drizzle-orm';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { only } from '#libs/db/database.ts';
import { catalogueVersions, subscriptions } from '#libs/db/schema/billing.ts';
import { models } from '#libs/db/schema/metering.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { lockCommonTerms } from '../adjustments/store.ts';
import type { CatalogueVersionSummary } from './domain/version-view.ts';

export type CatalogueVersionRow = typeof catalogueVersions.$inferSelect;

/** The version that new subscriptions are sold under; undefined before the first import. */
export async function findActiveVersionId(db: Queryable): Promise<string | undefined> {
  const [row] = await db
    .select({ id: catalogueVersions.id })
    .from(catalogueVersions)
    .where(eq(catalogueVersions.active, true));
  return row?.id;
}

export async function findVersion(db: Queryable, id: string): Promise<CatalogueVersionRow | undefined> {
  const [row] = await db.select().from(catalogueVersions).where(eq(catalogueVersions.id, id));
  return row;
}

function selectSummaries(db: Queryable) {
  const { id, catalogueId, version, author, createdAt, updatedAt, active } = catalogueVersions;
  const pinned = db.$count(subscriptions, eq(subscriptions.catalogueVersionId, id));
  return db
    .select({ id, catalogueId, version, author, createdAt, updatedAt, active, subscriptions: pinned })
    .from(catalogueVersions);
}

/** Newest first, after the version `cursor`. */
export function listVersions(
  db: Queryable,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<CatalogueVersionSummary[]> {
  return selectSummaries(db)
    .where(afterCursor(catalogueVersions.id, cursor))
    .orderBy(desc(catalogueVersions.id))
    .limit(limit);
}

export async function summariseVersion(
  db: Queryable,
  id: string,
): Promise<CatalogueVersionSummary | undefined> {
  const [summary] = await selectSummaries(db).where(eq(catalogueVersions.id, id));
  return summary;
}

/** The models that have prices, which a catalogue may name. */
export async function listKnownModels(db: Queryable): Promise<ModelInfo[]> {
  const rows = await db.select({ info: models.info }).from(models).where(eq(models.enabled, true));
  return rows.map(({ info }) => info as ModelInfo);
}

export type NewVersion = Pick<
  CatalogueVersionRow,
  'id' | 'catalogueId' | 'contentHash' | 'source' | 'author' | 'createdAt'
>;

/**
 * Adds an inactive version, or returns the one with the same content. Imports of one catalogue run one after the other
 * until their transactions end.
 */
export async function addVersion(
  tx: Tx,
  version: NewVersion,
): Promise<{ row: CatalogueVersionRow; created: boolean }> {
  const { catalogueId, contentHash } = version;
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('catalogue ' || ${catalogueId}, 0))`);
  const [known] = await tx
    .select()
    .from(catalogueVersions)
    .where(
      and(eq(catalogueVersions.catalogueId, catalogueId), eq(catalogueVersions.contentHash, contentHash)),
    );
  if (known !== undefined) return { row: known, created: false };
  const { last } = only(
    await tx
      .select({ last: max(catalogueVersions.version) })
      .from(catalogueVersions)
      .where(eq(catalogueVersions.catalogueId, catalogueId)),
  );
  const row = only(
    await tx
      .insert(catalogueVersions)
      .values({ ...version, updatedAt: version.createdAt, version: (last ?? 0) + 1, active: false })
      .returning(),
  );
  return { row, created: true };
}

/** Keeps out other publications, and the transactions that compute an account's limits, until this one ends. */
export async function lockActiveVersion(tx: Tx): Promise<void> {
  await lockCommonTerms(tx);
}

/** Makes a version the active one in place of the current one. */
export async function activateVersion(tx: Tx, id: string, updatedAt: Date): Promise<void> {
  await tx
    .update(catalogueVersions)
    .set({ active: false, updatedAt })
    .where(and(eq(catalogueVersions.active, true), ne(catalogueVersions.id, id)));
  await tx.update(catalogueVersions).set({ active: true, updatedAt }).where(eq(catalogueVersions.id, id));
}
