import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { searchRoute } from './routes.ts';

/** Web search with sources. */
export const searchPlugin: FastifyPluginAsync<{ providers: readonly string[] }> = async (
  app,
  { providers },
) => {
  meteredRoute(app, searchRoute(app.metering.priceBook, providers));
};
