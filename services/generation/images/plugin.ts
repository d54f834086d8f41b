import type { FastifyPluginAsync } from 'fastify';
import { createImagesHandler } from './routes.ts';

/** Images for a prompt. */
export const imagesPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.image = createImagesHandler({
    runner: app.callRunner,
    providers: app.providers,
    saveMedia: app.saveMedia,
  });
};
