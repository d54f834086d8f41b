import type { FastifyPluginAsync } from 'fastify';
import { type PriceRouteOptions, priceRoutes } from './routes.ts';

/** Serves prices to clients, staff and the other services' caches. */
export const pricePlugin: FastifyPluginAsync<PriceRouteOptions> = async (app, options) => {
  priceRoutes(app, options);
};
