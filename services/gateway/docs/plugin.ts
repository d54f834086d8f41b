import type { FastifyPluginAsync } from 'fastify';
import { healthRoutes } from './health-routes.ts';
import { openApiRoutes } from './openapi-routes.ts';
import { problemRoutes } from './problem-routes.ts';
import { referenceRoutes } from './reference-routes.ts';

/** Public information about the gateway: health, the OpenAPI document, the API reference and the problem pages. */
export const docsPlugin: FastifyPluginAsync = async (app) => {
  healthRoutes(app);
  openApiRoutes(app);
  await app.register(referenceRoutes);
  await app.register(async (pages) => problemRoutes(pages));
};
