import type { FastifyPluginAsync } from 'fastify';
import { type AutopilotRouteOptions, autopilotRoutes } from './routes.ts';
import { autopilotRunRoutes } from './run-routes.ts';

/** Posts that are written on a schedule. */
export const autopilotsPlugin: FastifyPluginAsync<AutopilotRouteOptions> = async (app, options) => {
  autopilotRoutes(app, options);
  autopilotRunRoutes(app, options);
};
