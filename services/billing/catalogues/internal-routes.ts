import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { CATALOGUE_SOURCE_ROUTE, type CatalogueSource } from '#libs/contracts/catalogue-source.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { findVersion } from './store.ts';

const params = z.object({ version_id: z.uuid() });

/** Serves the text of catalogue versions to other services. The gateway does not expose it. */
export function catalogueInternalRoutes(app: FastifyInstance, database: Database): void {
  const senders: readonly ServiceName[] = ['gateway', 'generation', 'usage-metering'];
  const options = { config: { senders }, schema: { params } };
  app.get(CATALOGUE_SOURCE_ROUTE, options, async (request): Promise<CatalogueSource> => {
    const { version_id } = request.params as z.output<typeof params>;
    const version = await findVersion(database, version_id);
    if (version === undefined) throw problem('not_found');
    return { version_id, source: version.source };
  });
}
