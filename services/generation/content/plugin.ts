import type { FastifyPluginAsync } from 'fastify';
import type { Clock } from '#libs/service/runtime.ts';
import { createContentHandler } from './routes.ts';

export type ContentOptions = { clock: Clock };

/** Content for a topic, written by a pipeline of calls. */
export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, { clock }) => {
  const { callRunner: runner, providers } = app;
  app.generationHandlers.generate = createContentHandler({ runner, providers, clock });
};
