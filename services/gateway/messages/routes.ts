import type { FastifyInstance, FastifyRequest } from 'fastify';
import { countMessageTokens, createMessage } from '#libs/contracts/messages-operations.ts';
import { anthropicErrorOf } from '#libs/problems/error-formats.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { AnswerWriter } from '../chat/domain/answer-writer.ts';
import { estimatePrompt } from '../chat/domain/estimate-prompt.ts';
import { translatedChatRoute } from '../chat/plugin.ts';
import type { PriceBook } from '../prices/domain.ts';
import { checkMessageFields } from './check-fields.ts';
import { promptOf, toChat } from './request.ts';
import { toMessage } from './response.ts';
import { createMessageStream } from './stream.ts';

const MESSAGE_ANSWERS: AnswerWriter = {
  whole: toMessage,
  error: anthropicErrorOf,
  stream: createMessageStream,
};

export function messageRoutes(app: FastifyInstance, priceBook: PriceBook): void {
  /** What was left out of each request, until its handler runs. */
  const ignored = new WeakMap<object, string[]>();
  app.addHook('preValidation', (request, _reply, done) => {
    ignored.set(request, checkMessageFields(request.body));
    done();
  });

  translatedChatRoute(app, createMessage, (request) => ({
    chat: toChat(request.body),
    ignored: ignored.get(request as FastifyRequest) ?? [],
    answers: MESSAGE_ANSWERS,
    messagesIn: 'messages',
  }));

  serveOperation(app, countMessageTokens, async ({ body, caller }, { raw: response }) => {
    const { info } = priceBook.priced(body.model);
    const prompt = await app.inlineLinks(promptOf(body), { caller, response });
    return { input_tokens: await estimatePrompt(prompt, info) };
  });
}
