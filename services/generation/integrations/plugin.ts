import type { FastifyPluginAsync } from 'fastify';
import { type IntegrationRouteOptions, integrationRoutes } from './routes.ts';
import { type UseRouteOptions, useRoutes } from './use-routes.ts';

export { createFindContact, type FindContact } from './contacts.ts';

/** Connections to external systems: documents are published there, and contacts are read there. */
export const integrationsPlugin: FastifyPluginAsync<IntegrationRouteOptions & UseRouteOptions> = async (
  app,
  options,
) => {
  integrationRoutes(app, options);
  useRoutes(app, options);
};
