import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { ContentInputResolver } from './domain.ts';
import { createContentInputResolver } from './resolve.ts';
import { contentInputRoutes } from './routes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    contentInputs: ContentInputResolver;
  }
}

/** The texts of an account that its content is written from and follows. */
const contentInputs: FastifyPluginAsync<{ database: Database; clock: Clock }> = async (
  app,
  { database, clock },
) => {
  const resolver = createContentInputResolver({ database, extractor: app.textExtractor, now: clock.now });
  app.decorate('contentInputs', resolver);
  contentInputRoutes(app, resolver);
};

export const contentInputsPlugin = fastifyPlugin(contentInputs, {
  name: 'content-inputs',
  dependencies: ['extraction'],
});
