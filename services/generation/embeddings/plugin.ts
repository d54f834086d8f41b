import type { FastifyPluginAsync } from 'fastify';
import { createEmbeddingsHandler } from './routes.ts';

/** Embeddings in OpenAI's format. */
export const embeddingsPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.embedding = createEmbeddingsHandler({
    runner: app.callRunner,
    providers: app.providers,
  });
};
