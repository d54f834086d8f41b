import type { FastifyPluginAsync } from 'fastify';
import { createModerationsHandler } from './routes.ts';

/** Moderations in OpenAI's format. */
export const moderationsPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.moderation = createModerationsHandler({
    runner: app.callRunner,
    providers: app.providers,
  });
};
