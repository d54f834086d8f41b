import type { FastifyPluginAsync } from 'fastify';
import { type UsageRouteOptions, usageRoutes } from './routes.ts';

export { type ReadAccountOptions, readAccount } from './read-account.ts';

/** Reports what an account or a user has used. */
export const usagePlugin: FastifyPluginAsync<UsageRouteOptions> = async (app, options) => {
  usageRoutes(app, options);
};
