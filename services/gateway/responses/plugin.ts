import type { FastifyPluginAsync } from 'fastify';
import type { Database } from '#libs/db/database.ts';
import { type ResponseStore, responseRoutes } from './routes.ts';
import { deleteResponse, findResponse, insertResponse } from './store.ts';

export type ResponsesOptions = { database: Database; now: () => Date };

/** OpenAI's responses, and those that are stored. */
export const responsesPlugin: FastifyPluginAsync<ResponsesOptions> = async (app, { database, now }) => {
  const store: ResponseStore = {
    find: (owner, id) => findResponse(database, owner, id, now()),
    insert: (owner, conversation) => insertResponse(database, owner, conversation, now()),
    delete: (owner, id) => deleteResponse(database, owner, id),
  };
  responseRoutes(app, store, now, app.priceBook);
};
