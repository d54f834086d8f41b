import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { createEmbeddingsRoute } from './routes.ts';

export { createEmbeddingsRoute };

/** OpenAI-compatible embeddings. */
export const embeddingsPlugin: FastifyPluginAsync = async (app) => {
  meteredRoute(app, createEmbeddingsRoute);
};
