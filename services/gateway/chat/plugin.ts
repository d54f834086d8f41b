import type { FastifyPluginAsync } from 'fastify';
import { addMeteredRoute } from '../metering/plugin.ts';
import { chatCompletionRoute } from './routes.ts';

/** OpenAI-compatible chat completions. */
export const chatPlugin: FastifyPluginAsync = async (app) => {
  addMeteredRoute(app, chatCompletionRoute);
};
