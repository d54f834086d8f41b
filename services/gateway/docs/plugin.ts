import type { FastifyPluginAsync } from 'fastify';
import { healthRoutes } from './health-routes.ts';
import { openApiRoutes } from './openapi-routes.ts';

/** What the gateway says about itself: health, the OpenAPI document, the API reference and the problem pages. */
export const docsPlugin: FastifyPluginAsync = async (app) => {
  healthRoutes(app);
  openApiRoutes(app);
};
