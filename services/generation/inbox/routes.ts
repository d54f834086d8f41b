import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf } from '#libs/clients/quota-resources.ts';
import { requireFeature } from '#libs/clients/require-feature.ts';
import * as contract from '#libs/contracts/inbox.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { FindContact } from '../integrations/plugin.ts';
import {
  AI_INBOX,
  type InboxMessage,
  messageToAnswer,
  presentMessage,
  receivedMessage,
  statusChange,
} from './domain.ts';
import {
  deleteMessage,
  findDrafts,
  findMessage,
  insertMessage,
  isDrafting,
  listMessages,
  updateMessage,
} from './store.ts';

export type InboxRouteOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
  findContact: FindContact;
};

export function inboxRoutes(app: FastifyInstance, options: InboxRouteOptions): void {
  const { database, runtime, entitlements, findContact } = options;
  const { clock, newId } = runtime;

  async function present(messages: readonly InboxMessage[]) {
    const drafts = await findDrafts(database, messages);
    return messages.map((message) => presentMessage(message, drafts.get(message.draftId ?? '')));
  }

  async function presentOne(message: InboxMessage | undefined) {
    if (message === undefined) throw problem('not_found');
    const drafts = await findDrafts(database, [message]);
    return presentMessage(message, drafts.get(message.draftId ?? ''));
  }

  serveOperation(app, contract.createInboxMessage, async (request, reply) => {
    const owner = ownerOf(callerOf(request));
    await requireFeature(entitlements, owner.accountId, AI_INBOX);
    const received = receivedMessage(request.body, { id: newId(), owner, now: clock.now() });
    const { message, isNew } = await insertMessage(database, received);
    reply.code(isNew ? 201 : 200);
    return presentOne(message);
  });

  serveOperation(app, contract.listInboxMessages, async (request) => {
    const { query } = request;
    const found = await listMessages(database, callerOf(request).accountId, { ...query, ...datesOf(query) });
    const { next_cursor: nextCursor } = toPage(found, query.limit, ({ id }) => id);
    return { data: await present(found.slice(0, query.limit)), next_cursor: nextCursor };
  });

  serveOperation(app, contract.getInboxMessage, async (request) =>
    presentOne(await findMessage(database, callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.updateInboxMessage, async (request) => {
    const { accountId } = callerOf(request);
    const changes = statusChange(request.body, clock.now());
    return presentOne(await updateMessage(database, accountId, request.params.id, changes));
  });

  serveOperation(app, contract.deleteInboxMessage, async (request, reply) => {
    const { accountId } = callerOf(request);
    const { id } = request.params;
    await transaction(database, async (tx) => {
      if (await isDrafting(tx, accountId, id)) {
        const detail = 'A reply is being drafted. Cancel its content job, or wait for its end.';
        throw problem('conflict', { detail });
      }
      if (!(await deleteMessage(tx, accountId, id))) throw problem('not_found');
    });
    return reply.code(204).send();
  });

  app.get<{ Params: { id: string } }>(
    contract.INBOX_MESSAGE_ROUTE,
    { schema: { params: z.object({ id: z.uuid() }), response: { 200: contract.messageToAnswer } } },
    async (request) => {
      const message = await findMessage(database, callerOf(request).accountId, request.params.id);
      if (message === undefined) throw problem('not_found');
      const { accountId, authorEmail: email } = message;
      const contact = email === null ? null : await findContact(database, accountId, email);
      return messageToAnswer(message, contact);
    },
  );
}
