import type { FastifyPluginAsync } from 'fastify';
import { addModelRoutes } from './routes.ts';

/** OpenAI-compatible list of the models that the account's plan includes. */
export const modelsPlugin: FastifyPluginAsync = async (app) => {
  addModelRoutes(app, app.metering);
};
