import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createStoredResponses, type RecoverResponse, type StoredResponses } from './domain.ts';
import { storedResponseRoutes } from './routes.ts';
import { storedResponseStore } from './store.ts';

declare module 'fastify' {
  interface FastifyInstance {
    storedResponses: StoredResponses;
    /** Asked for responses that are not stored. Features whose requests outlive their process add theirs. */
    responseRecoveries: RecoverResponse[];
  }
}

export type StoredResponsesOptions = { database: Database; logger: Logger };

/** Responses stored for clients that repeat a request with the same `Idempotency-Key`. */
const storedResponses: FastifyPluginAsync<StoredResponsesOptions> = async (app, { database, logger }) => {
  app.decorate('storedResponses', createStoredResponses(storedResponseStore(database), logger));
  const recoveries: RecoverResponse[] = [];
  app.decorate('responseRecoveries', recoveries);
  storedResponseRoutes(app, database, recoveries);
};

export const storedResponsesPlugin = fastifyPlugin(storedResponses, { name: 'stored-responses' });
