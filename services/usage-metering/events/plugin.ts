import type { FastifyPluginAsync } from 'fastify';
import { type EventRouteOptions, eventRoutes } from './routes.ts';

/** Records usage that customers report. */
export const eventPlugin: FastifyPluginAsync<EventRouteOptions> = async (app, options) => {
  eventRoutes(app, options);
};
