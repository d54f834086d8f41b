import type { FastifyPluginAsync } from 'fastify';
import { exportRoutes } from './export-routes.ts';
import { requestRoutes } from './routes.ts';
import { type UnresolvedRouteOptions, unresolvedRoutes } from './unresolved-routes.ts';

/** Lists and exports provider calls, explains single requests, and lets staff correct calls of unknown outcome. */
export const requestPlugin: FastifyPluginAsync<UnresolvedRouteOptions> = async (app, options) => {
  requestRoutes(app, options);
  exportRoutes(app, options);
  unresolvedRoutes(app, options);
};
