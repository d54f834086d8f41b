import type { FastifyPluginAsync } from 'fastify';

export { createSetKeyLimits, putLimits } from './key-limits.ts';

import { type ApiKeyRoutesOptions, apiKeyRoutes } from './routes.ts';

export const apiKeysPlugin: FastifyPluginAsync<ApiKeyRoutesOptions> = async (app, options) => {
  apiKeyRoutes(app, options);
};
