import type { FastifyPluginAsync } from 'fastify';
import { createSearchHandler } from './routes.ts';

/** Web search with sources. */
export const searchPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.search = createSearchHandler({ runner: app.callRunner, providers: app.providers });
};
