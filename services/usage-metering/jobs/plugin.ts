import type { FastifyPluginAsync } from 'fastify';
import { type JobRouteOptions, jobRoutes } from './routes.ts';

/** Shows the background jobs of all services to staff, and retries failed ones. */
export const jobPlugin: FastifyPluginAsync<JobRouteOptions> = async (app, options) => {
  jobRoutes(app, options);
};
