import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { notify } from '#libs/db/notify.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { lockCommonTerms } from '../adjustments/store.ts';
import { activateVersion, addVersion, type NewVersion } from './store.ts';

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

/**
 * Makes a catalogue file the one that new subscriptions are sold under. Each content becomes one immutable version;
 * subscriptions that exist keep theirs.
 *
 * @throws CatalogueError listing everything that is wrong with the text, each with its line.
 */
export async function importCatalogue(pool: Pool, options: ImportOptions): Promise<ImportedCatalogue> {
  const { text, knownModels } = options;
  const row = versionOf(parseCatalogue(text, knownModels === undefined ? {} : { knownModels }), options);
  return transaction(pool, async (client) => {
    await lockCommonTerms(client);
    const { id, version, active, created } = await addVersion(client, row);
    const imported = { id, catalogueId: row.catalogueId, version };
    if (active) return { ...imported, outcome: 'unchanged' };
    await activateVersion(client, id);
    await notify(client, { kind: 'catalogue', id });
    return { ...imported, outcome: created ? 'created' : 'reactivated' };
  });
}

/** Adds a catalogue that has been read as a version that is not on offer yet. */
export async function addCatalogue(
  pool: Pool,
  { catalogue, ...options }: Omit<ImportOptions, 'knownModels'> & { catalogue: Catalogue },
  /** Told in the same transaction, when the content was not known before. */
  inTransaction: (client: PoolClient, added: { id: string; version: number }) => Promise<void>,
): Promise<{ id: string; created: boolean }> {
  const row = versionOf(catalogue, options);
  return transaction(pool, async (client) => {
    const { id, version, created } = await addVersion(client, row);
    if (created) await inTransaction(client, { id, version });
    return { id, created };
  });
}

function versionOf({ id: catalogueId }: Catalogue, { text, author, now, newId }: ImportOptions): NewVersion {
  const contentHash = createHash('sha256').update(text).digest('hex');
  return { catalogueId, contentHash, source: text, author, now, newId };
}
