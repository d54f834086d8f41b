import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { CatalogueVersion } from '../domain/subscription.ts';

export type CatalogueStore = {
  /** The version that new subscriptions are sold under; undefined before the first import. */
  active: (database?: Pick<Pool, 'query'>) => Promise<CatalogueVersion | undefined>;
  /**
   * @param database A connection of the caller's, so that nobody waits for a second one while holding a first.
   * @throws Error when there is no such version.
   */
  version: (id: string, database?: Pick<Pool, 'query'>) => Promise<CatalogueVersion>;
  /** The text of a version as it was imported. */
  source: (id: string) => Promise<string | undefined>;
};

type VersionRow = { id: string; catalogue_id: string; version: number; source: string };

const MAX_PARSED = 50;

/** Catalogue versions on PostgreSQL. They never change, so each is parsed once. */
export function createCatalogueStore(pool: Pick<Pool, 'query'>): CatalogueStore {
  const parsed = new LRUCache<string, CatalogueVersion>({ max: MAX_PARSED });

  async function version(id: string, database: Pick<Pool, 'query'> = pool): Promise<CatalogueVersion> {
    const known = parsed.get(id);
    if (known !== undefined) return known;
    const { rows } = await database.query<VersionRow>(
      'SELECT id, catalogue_id, version, source FROM catalogue_versions WHERE id = $1',
      [id],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`There is no catalogue version ${id}.`);
    const read: CatalogueVersion = {
      id: row.id,
      catalogueId: row.catalogue_id,
      version: row.version,
      catalogue: parseCatalogue(row.source),
    };
    parsed.set(id, read);
    return read;
  }

  return {
    version,
    async source(id) {
      const { rows } = await pool.query<Pick<VersionRow, 'source'>>(
        'SELECT source FROM catalogue_versions WHERE id = $1',
        [id],
      );
      return rows[0]?.source;
    },
    async active(database = pool) {
      const { rows } = await database.query<{ id: string }>('SELECT id FROM catalogue_versions WHERE active');
      const [row] = rows;
      return row === undefined ? undefined : version(row.id, database);
    },
  };
}
