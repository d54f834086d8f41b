import type { FastifyPluginAsync } from 'fastify';
import { messageRoutes } from './routes.ts';

/** Anthropic-compatible messages. */
export const messagesPlugin: FastifyPluginAsync = async (app) => {
  messageRoutes(app, app.priceBook);
};
