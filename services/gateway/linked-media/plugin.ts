import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { createPublicHttp, type PublicHttpOptions } from '#libs/http/public-http.ts';
import { createFetchShares } from './domain/fetch-shares.ts';
import { createInlineLinks, type InlineLinks } from './inline-links.ts';

declare module 'fastify' {
  interface FastifyInstance {
    inlineLinks: InlineLinks;
  }
}

export type LinkedMediaOptions = {
  /** Most bytes of fetched files in memory at a time, all clients together. */
  budgetBytes: number;
  /** Which addresses may be reached; the public internet unless given. */
  http?: PublicHttpOptions;
};

/** Shares the reader of images and documents that prompts have as URLs. */
const linkedMedia: FastifyPluginAsync<LinkedMediaOptions> = async (app, { budgetBytes, http: options }) => {
  const http = createPublicHttp(options);
  app.decorate('inlineLinks', createInlineLinks({ http, shares: createFetchShares(budgetBytes) }));
  app.addHook('onClose', () => http.close());
};

export const linkedMediaPlugin = fp(linkedMedia, { name: 'linked-media' });
