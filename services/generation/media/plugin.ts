import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { createLocalStorage } from '#libs/storage/local-storage.ts';
import { createS3Storage, type S3Options } from '#libs/storage/s3-storage.ts';
import type { Storage } from '#libs/storage/storage.ts';
import type { SaveMedia } from './domain.ts';
import { createSaveMedia, type MediaOptions } from './media-links.ts';
import { mediaRoutes } from './routes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    saveMedia: SaveMedia;
  }
}

/** @param s3 null for the local folder. */
export function createStorage({ folder, s3 }: { folder: string; s3: S3Options | null }): Storage {
  return s3 === null ? createLocalStorage(folder) : createS3Storage(s3);
}

/** Stored media with signed URLs. */
const media: FastifyPluginAsync<MediaOptions> = async (app, options) => {
  app.decorate('saveMedia', createSaveMedia(options));
  mediaRoutes(app, options);
};

export const mediaPlugin = fastifyPlugin(media, { name: 'media' });
