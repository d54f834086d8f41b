import type { FastifyPluginAsync } from 'fastify';
import { type StopRouteOptions, stopRoutes } from './routes.ts';

/** Lets staff stop work at once, and lift stops. */
export const stopPlugin: FastifyPluginAsync<StopRouteOptions> = async (app, options) => {
  stopRoutes(app, options);
};
