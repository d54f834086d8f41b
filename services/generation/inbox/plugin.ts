import type { FastifyPluginAsync } from 'fastify';
import { type InboxRouteOptions, inboxRoutes } from './routes.ts';

/** Messages from networks. Their drafts are content jobs that the gateway plans. */
export const inboxPlugin: FastifyPluginAsync<InboxRouteOptions> = async (app, options) => {
  inboxRoutes(app, options);
};
