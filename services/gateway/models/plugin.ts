import type { FastifyPluginAsync } from 'fastify';
import { modelRoutes } from './routes.ts';

/** OpenAI-compatible list of the models that the account's plan includes. */
export const modelsPlugin: FastifyPluginAsync = async (app) => {
  modelRoutes(app, app.metering);
};
