import type { FastifyPluginAsync } from 'fastify';
import { requestRoutes } from './routes.ts';
import { type UnresolvedRouteOptions, unresolvedRoutes } from './unresolved-routes.ts';

/** Lists provider calls, explains single requests, and lets staff correct calls of unknown outcome. */
export const requestPlugin: FastifyPluginAsync<UnresolvedRouteOptions> = async (app, options) => {
  requestRoutes(app, options);
  unresolvedRoutes(app, options);
};
