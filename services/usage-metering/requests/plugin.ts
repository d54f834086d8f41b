import type { FastifyPluginAsync } from 'fastify';
import type { Database } from '#libs/db/database.ts';
import { requestRoutes } from './routes.ts';

export type RequestOptions = { database: Database };

/** Lists provider calls and explains single requests. */
export const requestPlugin: FastifyPluginAsync<RequestOptions> = async (app, options) => {
  requestRoutes(app, options);
};
