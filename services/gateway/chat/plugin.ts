import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { OperationRequest } from '#libs/service/serve-operation.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import { translateAnswers } from './answer-translator.ts';
import { customToolAnswers } from './custom-tool-answers.ts';
import type { AnswerWriter } from './domain/answer-writer.ts';
import { replaceCustomTools } from './domain/custom-tools.ts';
import { dropIgnoredFields } from './ignored-fields.ts';
import { refuseCostlyFields } from './refused-fields.ts';
import { chatCompletionRoute } from './routes.ts';

/** A request of another wire format, as a chat. */
export type TranslatedChat = {
  readonly chat: ChatCompletionRequest;
  /** What a chat cannot express, and what costs nothing to leave out. */
  readonly ignored: readonly string[];
  readonly answers: AnswerWriter;
};

/** Adds a route that serves chats in another wire format, with any model of the plan. */
export function translatedChatRoute<O extends MeteredRoute['operation']>(
  app: FastifyInstance,
  operation: O,
  translate: (request: OperationRequest<O>) => TranslatedChat | Promise<TranslatedChat>,
): void {
  translatedRoute(app, operation, async (request) => {
    const { chat, ignored, answers } = await translate(request);
    const { adapt } = chatCompletionRoute;
    const route: MeteredRoute<ChatCompletionRequest> = {
      ...chatRoute(app),
      operation,
      translate: translateAnswers(answers),
      adapt: (check) => {
        const adapted = adapt(check);
        return { body: adapted.body, ignored: [...ignored, ...adapted.ignored] };
      },
    };
    return { body: chat, route };
  });
}

/** The route of chats, moderated if the catalogue asks for it. */
function chatRoute({ metering }: FastifyInstance): MeteredRoute<ChatCompletionRequest> {
  return moderatedRoute(chatCompletionRoute, metering.priceBook, isModerated('chat'));
}

/** OpenAI-compatible chat completions. */
export const chatPlugin: FastifyPluginAsync = async (app) => {
  /** The names of the custom tools of requests, until they are served. */
  const customTools = new WeakMap<FastifyRequest, ReadonlySet<string>>();
  app.addHook('preValidation', (request, _reply, done) => {
    const names = replaceCustomTools(request.body);
    if (names !== undefined && names.size > 0) customTools.set(request, names);
    const isChanged = dropIgnoredFields(request.body) || names !== undefined;
    if (isChanged) request.rawBody = Buffer.from(JSON.stringify(request.body));
    refuseCostlyFields(request.body);
    done();
  });
  const route = chatRoute(app);
  meteredRoute<ChatCompletionRequest>(app, route, (request) => {
    const names = customTools.get(request);
    if (names === undefined) return route;
    return { ...route, translate: translateAnswers(customToolAnswers(names)) };
  });
};
