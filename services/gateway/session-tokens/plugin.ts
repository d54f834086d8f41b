import type { FastifyPluginAsync } from 'fastify';
import { type SessionTokenRouteOptions, sessionTokenRoutes } from './routes.ts';

export { createSetEndUserLimits } from './end-user-limits.ts';

/** Tokens with which end users of partners generate within limits of their own. */
export const sessionTokensPlugin: FastifyPluginAsync<SessionTokenRouteOptions> = async (app, options) => {
  sessionTokenRoutes(app, options);
};
