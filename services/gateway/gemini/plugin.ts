import type { FastifyPluginAsync } from 'fastify';
import { geminiRoutes } from './routes.ts';

/** Gemini-compatible contents, embeddings and models. */
export const geminiPlugin: FastifyPluginAsync = async (app) => {
  geminiRoutes(app, app.metering);
};
