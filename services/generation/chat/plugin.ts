import type { FastifyPluginAsync } from 'fastify';
import { createChatHandler } from './routes.ts';

/** Chats in OpenAI's format. */
export const chatPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.chat = createChatHandler({ runner: app.callRunner, providers: app.providers });
};
