import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createStoredResponses, type StoredResponses } from './domain.ts';
import { storedResponseRoutes } from './routes.ts';
import { storedResponseStore } from './store.ts';

declare module 'fastify' {
  interface FastifyInstance {
    storedResponses: StoredResponses;
  }
}

export type StoredResponsesOptions = { database: Database; logger: Logger };

/** Responses stored for clients that repeat a request with the same `Idempotency-Key`. */
const storedResponses: FastifyPluginAsync<StoredResponsesOptions> = async (app, { database, logger }) => {
  app.decorate('storedResponses', createStoredResponses(storedResponseStore(database), logger));
  storedResponseRoutes(app, database);
};

export const storedResponsesPlugin = fastifyPlugin(storedResponses, { name: 'stored-responses' });
