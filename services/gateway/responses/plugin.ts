import type { FastifyPluginAsync } from 'fastify';
import type { Database } from '#libs/db/database.ts';
import { responseRoutes } from './routes.ts';
import { deleteResponse, findResponse, insertResponse } from './store.ts';

export type ResponsesOptions = { database: Database; now: () => Date };

/** OpenAI's responses, and those that are stored. */
export const responsesPlugin: FastifyPluginAsync<ResponsesOptions> = async (app, { database, now }) => {
  const store = {
    find: (accountId: string, id: string) => findResponse(database, accountId, id, now()),
    insert: (accountId: string, conversation: Parameters<typeof insertResponse>[2]) =>
      insertResponse(database, accountId, conversation, now()),
    delete: (accountId: string, id: string) => deleteResponse(database, accountId, id),
  };
  responseRoutes(app, store, now);
};
