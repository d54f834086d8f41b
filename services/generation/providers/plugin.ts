import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Providers } from './domain/providers.ts';
import { createProviders, type ProvidersOptions } from './providers.ts';

declare module 'fastify' {
  interface FastifyInstance {
    providers: Providers;
  }
}

/** Shares the configured AI providers. */
const providers: FastifyPluginAsync<ProvidersOptions> = async (app, options) => {
  app.decorate('providers', createProviders(options));
};

export const providersPlugin = fastifyPlugin(providers, { name: 'providers' });
