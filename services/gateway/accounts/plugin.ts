import type { FastifyPluginAsync } from 'fastify';
import { type AccountRoutesOptions, accountRoutes } from './routes.ts';

export const accountsPlugin: FastifyPluginAsync<AccountRoutesOptions> = async (app, options) => {
  accountRoutes(app, options);
};
