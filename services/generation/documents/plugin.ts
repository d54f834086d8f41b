import type { FastifyPluginAsync } from 'fastify';
import { type DocumentOptions, documentRoutes } from './routes.ts';

export { loadImages } from './embedded-images.ts';

/** The results of content jobs: to read, edit and export. */
export const documentsPlugin: FastifyPluginAsync<Omit<DocumentOptions, 'readMedia'>> = async (
  app,
  options,
) => {
  documentRoutes(app, { ...options, readMedia: app.readMedia });
};
