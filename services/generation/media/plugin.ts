import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { DeleteMedia, OpenMedia, ReadMedia, SaveMedia } from './domain.ts';
import {
  createDeleteMedia,
  createOpenMedia,
  createReadMedia,
  createSaveMedia,
  createSaveRecording,
  type MediaOptions,
} from './media-links.ts';
import { recordingRoutes } from './recording-routes.ts';
import { mediaRoutes } from './routes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    saveMedia: SaveMedia;
    readMedia: ReadMedia;
    openMedia: OpenMedia;
    deleteMedia: DeleteMedia;
  }
}

/** Stored media with signed URLs. */
const media: FastifyPluginAsync<MediaOptions> = async (app, options) => {
  app.decorate('saveMedia', createSaveMedia(options));
  app.decorate('readMedia', createReadMedia(options));
  app.decorate('openMedia', createOpenMedia(options));
  app.decorate('deleteMedia', createDeleteMedia(options));
  mediaRoutes(app, options);
  // A scope of its own: no other route accepts recordings.
  await app.register(async (scope) => recordingRoutes(scope, createSaveRecording(options)));
};

export const mediaPlugin = fastifyPlugin(media, { name: 'media' });
