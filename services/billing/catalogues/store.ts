import { LRUCache } from 'lru-cache';
import type { Pool, PoolClient } from 'pg';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { CatalogueVersion } from '../subscriptions/domain.ts';

type Database = Pick<Pool, 'query'>;

/** A version as staff see it in a list. */
export type CatalogueSummary = {
  id: string;
  catalogueId: string;
  version: number;
  author: string;
  createdAt: Date;
  active: boolean;
  /** How many subscriptions are pinned to it. */
  subscriptions: number;
};

export type CatalogueStore = {
  /** The version that new subscriptions are sold under; undefined before the first import. */
  active: (database?: Database) => Promise<CatalogueVersion | undefined>;
  /**
   * @param database A connection of the caller's, so that nobody waits for a second one while holding a first.
   * @throws Error when there is no such version.
   */
  version: (id: string, database?: Database) => Promise<CatalogueVersion>;
  /** The text of a version as it was imported. */
  source: (id: string) => Promise<string | undefined>;
  /** Newest first, after the version `cursor`. */
  list: (page: { limit: number; cursor: string | undefined }) => Promise<CatalogueSummary[]>;
  summary: (id: string) => Promise<CatalogueSummary | undefined>;
  /** The models that have prices, which a catalogue may name. */
  knownModels: () => Promise<ModelInfo[]>;
};

type VersionRow = { id: string; catalogue_id: string; version: number; source: string };
type SummaryRow = Omit<VersionRow, 'source'> & {
  author: string;
  created_at: Date;
  active: boolean;
  subscriptions: number;
};

const MAX_PARSED = 50;

const SUMMARY_SQL = `
  SELECT v.id, v.catalogue_id, v.version, v.author, v.created_at, v.active,
         (SELECT count(*)::integer FROM subscriptions s WHERE s.catalogue_version_id = v.id) AS subscriptions
    FROM catalogue_versions v`;

/** Catalogue versions on PostgreSQL. They never change, so each is parsed once. */
export function createCatalogueStore(pool: Database): CatalogueStore {
  const parsed = new LRUCache<string, CatalogueVersion>({ max: MAX_PARSED });

  async function version(id: string, database: Database = pool): Promise<CatalogueVersion> {
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
    async list({ limit, cursor }) {
      const { rows } = await pool.query<SummaryRow>(
        `${SUMMARY_SQL} WHERE $1::uuid IS NULL OR v.id < $1 ORDER BY v.id DESC LIMIT $2`,
        [cursor, limit],
      );
      return rows.map(toSummary);
    },
    async summary(id) {
      const { rows } = await pool.query<SummaryRow>(`${SUMMARY_SQL} WHERE v.id = $1`, [id]);
      return rows[0] && toSummary(rows[0]);
    },
    async knownModels() {
      const { rows } = await pool.query<{ info: ModelInfo }>('SELECT info FROM models WHERE enabled');
      return rows.map(({ info }) => info);
    },
  };
}

export type NewVersion = {
  catalogueId: string;
  contentHash: string;
  source: string;
  author: string;
  now: Date;
  newId: () => string;
};

/** Adds a version, or finds the one that has this very content; it is not on offer by that. */
export async function addVersion(
  client: PoolClient,
  { catalogueId, contentHash, source, author, now, newId }: NewVersion,
): Promise<{ id: string; version: number; active: boolean; created: boolean }> {
  // Readers go on reading; two imports at once would both count to the same version.
  await client.query('LOCK TABLE catalogue_versions IN SHARE ROW EXCLUSIVE MODE');
  const known = await client.query<{ id: string; version: number; active: boolean }>(
    'SELECT id, version, active FROM catalogue_versions WHERE catalogue_id = $1 AND content_hash = $2',
    [catalogueId, contentHash],
  );
  if (known.rows[0] !== undefined) return { ...known.rows[0], created: false };
  const id = newId();
  const { rows } = await client.query<{ version: number }>(
    `INSERT INTO catalogue_versions (id, catalogue_id, version, content_hash, source, author, created_at, active)
     SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, false
       FROM catalogue_versions WHERE catalogue_id = $2
     RETURNING version`,
    [id, catalogueId, contentHash, source, author, now],
  );
  return { id, version: rows[0]?.version ?? 1, active: false, created: true };
}

/** Puts a version on offer in place of the one that is. */
export async function activateVersion(client: PoolClient, id: string): Promise<void> {
  await client.query('UPDATE catalogue_versions SET active = false WHERE active AND id <> $1', [id]);
  await client.query('UPDATE catalogue_versions SET active = true WHERE id = $1 AND NOT active', [id]);
}

function toSummary({
  catalogue_id: catalogueId,
  created_at: createdAt,
  ...row
}: SummaryRow): CatalogueSummary {
  return { ...row, catalogueId, createdAt };
}
