import type { FastifyPluginAsync } from 'fastify';
import { type KbFileOptions, kbFileRoutes } from './routes.ts';

/** Texts that an account's content should follow. */
export const knowledgeBasePlugin: FastifyPluginAsync<KbFileOptions> = async (app, options) => {
  kbFileRoutes(app, options);
};
