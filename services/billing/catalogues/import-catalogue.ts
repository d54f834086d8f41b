/** A catalogue file becomes a version: parsed without a lock, then added in a short transaction. */
import { createHash } from 'node:crypto';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { Tx } from '#libs/db/database.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { addVersion, type CatalogueVersionRow } from './store.ts';

/** A catalogue file that passed every check. */
export type CatalogueFile = { text: string; catalogue: Catalogue };

/**
 * Parses and checks a file. Call it before the transaction of {@link importCatalogue}.
 *
 * @param knownModels when given, the catalogue may name only these models.
 * @throws CatalogueError listing every issue with its line.
 */
export function readCatalogueFile(text: string, knownModels?: readonly ModelInfo[]): CatalogueFile {
  return { text, catalogue: parseCatalogue(text, knownModels === undefined ? {} : { knownModels }) };
}

/** Adds a file as an inactive version. A file with the content of a known version returns that version instead. */
export async function importCatalogue(
  tx: Tx,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
  { text, catalogue }: CatalogueFile,
  by: Actor,
): Promise<{ row: CatalogueVersionRow; created: boolean }> {
  const now = clock.now();
  const { row, created } = await addVersion(tx, {
    id: newId(),
    catalogueId: catalogue.id,
    contentHash: createHash('sha256').update(text).digest('hex'),
    source: text,
    author: by.actor,
    createdAt: now,
  });
  if (created) {
    await recordAudit(tx, {
      id: newId(),
      at: now,
      by,
      action: 'catalogue.imported',
      subject: `catalogue:${row.id}`,
      accountId: null,
      before: null,
      after: { catalogue_id: catalogue.id, version: row.version },
      reason: null,
    });
  }
  return { row, created };
}
