import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { createPublicHttp, type PublicHttpOptions } from '#libs/http/public-http.ts';
import type { TextExtractor } from './domain/extracted-text.ts';
import { createTextExtractor } from './extract-text.ts';

declare module 'fastify' {
  interface FastifyInstance {
    textExtractor: TextExtractor;
  }
}

/** Shares the reader of customers' files and pages. */
const extraction: FastifyPluginAsync<PublicHttpOptions> = async (app, options) => {
  const http = createPublicHttp(options);
  app.decorate('textExtractor', createTextExtractor(http));
  app.addHook('onClose', () => http.close());
};

export const extractionPlugin = fastifyPlugin(extraction, { name: 'extraction' });
