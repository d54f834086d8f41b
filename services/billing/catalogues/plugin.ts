import type { FastifyPluginAsync } from 'fastify';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { importCatalogue, readCatalogueFile } from './import-catalogue.ts';
import { catalogueInternalRoutes } from './internal-routes.ts';
import { previewPublication } from './preview.ts';
import { publishCatalogue } from './publish-catalogue.ts';
import { findRollout } from './rollout-store.ts';
import { catalogueRoutes } from './routes.ts';
import { findVersion, listKnownModels, listVersions, summariseVersion } from './store.ts';
import type { CatalogueVersions } from './versions-store.ts';

export { findLatestRollout, startRollout } from './rollout-store.ts';
export { createCatalogueVersions } from './versions-store.ts';

export type CataloguesOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  versions: CatalogueVersions;
};

/** Staff import, preview and publish catalogue versions. */
export const cataloguesPlugin: FastifyPluginAsync<CataloguesOptions> = async (app, options) => {
  const { database, runtime, versions } = options;
  catalogueInternalRoutes(app, database);
  catalogueRoutes(app, {
    active: () => versions.active(database),
    version: (id) => versions.version(database, id),
    source: async (id) => (await findVersion(database, id))?.source,
    list: (page) => listVersions(database, page),
    summary: (id) => summariseVersion(database, id),
    findRollout: (id) => findRollout(database, id),
    async importFile(text, by) {
      const models = await listKnownModels(database);
      // Without a price list, model names cannot be checked.
      const file = readCatalogueFile(text, models.length === 0 ? undefined : models);
      refuseOwnPrices(file.catalogue);
      const { row, created } = await transaction(database, (tx) => importCatalogue(tx, runtime, file, by));
      return { id: row.id, created };
    },
    publish: (publication) => transaction(database, (tx) => publishCatalogue(tx, runtime, publication)),
    preview: (target, migration, page) =>
      previewPublication(database, versions, { target, migration, page, now: runtime.clock.now() }),
  });
};

/** Prices have their own history, which an import could contradict. */
function refuseOwnPrices({ prices }: Catalogue): void {
  if (prices.length === 0) return;
  throw problem('semantic_error', {
    detail:
      'The catalogue contains prices. Add them with POST /api/admin/prices and remove them from the file.',
    fields: { param: 'prices' },
  });
}
