import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { announce } from '#libs/db/announce.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';

export type ImportOptions = {
  text: string;
  author: string;
  now: Date;
  newId: () => string;
  /** When given, every model that the catalogue names must be one of these. */
  knownModels?: readonly ModelInfo[];
};

export type ImportedCatalogue = {
  id: string;
  catalogueId: string;
  version: number;
  /** `unchanged`: it is the active one already; `reactivated`: an earlier version of the same content is again. */
  outcome: 'created' | 'reactivated' | 'unchanged';
};

type KnownRow = { id: string; version: number; active: boolean };

/**
 * Makes a catalogue file the one that new subscriptions are sold under. Each content becomes one immutable version;
 * subscriptions that exist keep theirs.
 *
 * @throws CatalogueError listing everything that is wrong with the text, each with its line.
 */
export async function importCatalogue(pool: Pool, options: ImportOptions): Promise<ImportedCatalogue> {
  const { text, author, now, newId, knownModels } = options;
  const { id: catalogueId } = parseCatalogue(text, knownModels === undefined ? {} : { knownModels });
  const contentHash = createHash('sha256').update(text).digest('hex');
  return transaction(pool, async (client) => {
    // Readers go on reading; two imports at once would both count to the same version.
    await client.query('LOCK TABLE catalogue_versions IN SHARE ROW EXCLUSIVE MODE');
    const known = await client.query<KnownRow>(
      'SELECT id, version, active FROM catalogue_versions WHERE catalogue_id = $1 AND content_hash = $2',
      [catalogueId, contentHash],
    );
    const [same] = known.rows;
    if (same?.active) return { id: same.id, catalogueId, version: same.version, outcome: 'unchanged' };

    await client.query('UPDATE catalogue_versions SET active = false WHERE active');
    if (same !== undefined) {
      await client.query('UPDATE catalogue_versions SET active = true WHERE id = $1', [same.id]);
      await announce(client, { kind: 'catalogue', id: same.id });
      return { id: same.id, catalogueId, version: same.version, outcome: 'reactivated' };
    }
    const id = newId();
    const { rows } = await client.query<{ version: number }>(
      `INSERT INTO catalogue_versions (id, catalogue_id, version, content_hash, source, author, created_at, active)
       SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, true
         FROM catalogue_versions WHERE catalogue_id = $2
       RETURNING version`,
      [id, catalogueId, contentHash, text, author, now],
    );
    await announce(client, { kind: 'catalogue', id });
    return { id, catalogueId, version: rows[0]?.version ?? 1, outcome: 'created' };
  });
}
