import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { SaveMedia } from './domain.ts';
import { createSaveMedia, type MediaOptions } from './media-links.ts';
import { mediaRoutes } from './routes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    saveMedia: SaveMedia;
  }
}

/** Stored media with signed URLs. */
const media: FastifyPluginAsync<MediaOptions> = async (app, options) => {
  app.decorate('saveMedia', createSaveMedia(options));
  mediaRoutes(app, options);
};

export const mediaPlugin = fastifyPlugin(media, { name: 'media' });
