import type { FastifyPluginAsync } from 'fastify';
import { type HoldRouteOptions, holdRoutes } from './routes.ts';

/** Checks, holds and settles operations of customers' own backends. */
export const holdsPlugin: FastifyPluginAsync<HoldRouteOptions> = async (app, options) => {
  holdRoutes(app, options);
};
