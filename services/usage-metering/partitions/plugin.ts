import type { FastifyPluginAsync } from 'fastify';
import { type ArchiveRouteOptions, archiveRoutes } from './routes.ts';

/** Lists and exports months of usage rows that were moved to files. */
export const archivePlugin: FastifyPluginAsync<ArchiveRouteOptions> = async (app, options) => {
  archiveRoutes(app, options);
};
