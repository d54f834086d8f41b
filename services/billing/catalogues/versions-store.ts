/** Catalogue versions, parsed. */
import { LRUCache } from 'lru-cache';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Queryable } from '#libs/db/database.ts';
import type { CatalogueVersion } from '../subscriptions/domain/subscription.ts';
import { findActiveVersionId, findVersion } from './store.ts';

export type CatalogueVersions = {
  /** The version that new subscriptions are sold under; undefined before the first import. */
  active: (db: Queryable) => Promise<CatalogueVersion | undefined>;
  /** @throws Error when there is no such version. */
  version: (db: Queryable, id: string) => Promise<CatalogueVersion>;
};

const MAX_CACHE_ENTRIES = 50;

/** Reads versions and parses each once, because a version never changes. Create one for each database. */
export function createCatalogueVersions(): CatalogueVersions {
  const cache = new LRUCache<string, CatalogueVersion>({ max: MAX_CACHE_ENTRIES });

  async function version(db: Queryable, id: string): Promise<CatalogueVersion> {
    const cached = cache.get(id);
    if (cached !== undefined) return cached;
    const row = await findVersion(db, id);
    if (row === undefined) throw new Error(`There is no catalogue version ${id}.`);
    const { catalogueId, version: number, source } = row;
    const parsed = { id, catalogueId, version: number, catalogue: parseCatalogue(source) };
    cache.set(id, parsed);
    return parsed;
  }

  return {
    version,
    async active(db) {
      const id = await findActiveVersionId(db);
      return id === undefined ? undefined : version(db, id);
    },
  };
}
