import type { FastifyPluginAsync } from 'fastify';
import { type KbFileOptions, kbFileRoutes } from './routes.ts';

export { type PassageQuery, retrievePassages } from './search-store.ts';

/** Files and pages that an account's content draws on. */
export const knowledgeBasePlugin: FastifyPluginAsync<Omit<KbFileOptions, 'extractor'>> = async (
  app,
  options,
) => {
  kbFileRoutes(app, { ...options, extractor: app.textExtractor });
};
