import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import {
  countResponseTokens,
  createResponse,
  deleteResponse,
  getResponse,
  listInputItems,
} from '#libs/contracts/responses-operations.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { estimatePrompt } from '../chat/domain/estimate-prompt.ts';
import { translatedChatRoute } from '../chat/plugin.ts';
import type { PriceBook } from '../prices/domain.ts';
import { checkResponseFields } from './check-fields.ts';
import {
  conversationOf,
  type ResponseOwner,
  responseIdOf,
  responseOwnerOf,
  type StoredConversation,
} from './domain/conversation.ts';
import { inputItemsOf } from './domain/input-items.ts';
import { toChat } from './request.ts';
import { createResponseWriter } from './response.ts';

export type ResponseStore = {
  find: (owner: ResponseOwner, id: string) => Promise<StoredConversation | undefined>;
  insert: (owner: ResponseOwner, conversation: StoredConversation) => Promise<void>;
  /** @returns whether there was one. */
  delete: (owner: ResponseOwner, id: string) => Promise<boolean>;
};

export function responseRoutes(
  app: FastifyInstance,
  store: ResponseStore,
  now: () => Date,
  priceBook: Pick<PriceBook, 'priced'>,
): void {
  /** What was left out of each request, until its handler runs. */
  const ignored = new WeakMap<object, string[]>();
  app.addHook('preValidation', (request, _reply, done) => {
    ignored.set(request, checkResponseFields(request.body));
    done();
  });

  translatedChatRoute(app, createResponse, async (request) => {
    const { body, caller } = request;
    const owner = responseOwnerOf(caller);
    const conversation = await conversationOf(body, (id) => store.find(owner, id));
    return {
      messagesIn: 'input',
      chat: toChat(body, conversation),
      ignored: ignored.get(request as FastifyRequest) ?? [],
      answers: createResponseWriter({
        id: responseIdOf(request.id),
        createdAtSeconds: Math.floor(now().getTime() / 1000),
        request: body,
        conversation,
        store: (stored) => store.insert(owner, stored),
      }),
    };
  });

  serveOperation(app, countResponseTokens, async ({ body, caller }, { raw: response }) => {
    const { info } = priceBook.priced(body.model);
    const owner = responseOwnerOf(caller);
    const chat = toChat(body, await conversationOf(body, (id) => store.find(owner, id)));
    const prompt = await app.inlineLinks(chat, { caller, response });
    return { object: 'response.input_tokens' as const, input_tokens: await estimatePrompt(prompt, info) };
  });

  async function findStored(caller: Caller, id: string): Promise<StoredConversation> {
    const stored = await store.find(responseOwnerOf(caller), id);
    if (stored === undefined) throw notFound(id);
    return stored;
  }

  serveOperation(app, getResponse, async ({ params, caller }) => {
    const { response } = await findStored(caller, params.response_id);
    return response;
  });

  serveOperation(app, listInputItems, async ({ params, query, caller }) =>
    inputItemsOf(await findStored(caller, params.response_id), query),
  );

  serveOperation(app, deleteResponse, async ({ params, caller }) => {
    const id = params.response_id;
    if (!(await store.delete(responseOwnerOf(caller), id))) throw notFound(id);
    return { id, object: 'response' as const, deleted: true as const };
  });
}

function notFound(id: string) {
  return problem('not_found', { detail: `The response ${id} is not stored.` });
}
