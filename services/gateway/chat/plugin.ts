import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { problem } from '#libs/problems/problems.ts';
import type { OperationRequest } from '#libs/service/serve-operation.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { Adapted, MeteredRoute, Sender } from '../metering/domain/route.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import { translateAnswers } from './answer-translator.ts';
import { customToolAnswers } from './custom-tool-answers.ts';
import type { AnswerWriter } from './domain/answer-writer.ts';
import { requireReadableImages } from './domain/check-parts.ts';
import { replaceCustomTools } from './domain/custom-tools.ts';
import { dropIgnoredFields, takeHints } from './domain/ignored-fields.ts';
import { replaceLegacyFunctions } from './domain/legacy-functions.ts';
import { replaceOtherForms } from './domain/other-forms.ts';
import { LEGACY_FUNCTION_ANSWERS } from './legacy-function-answers.ts';
import { refuseCostlyFields } from './refused-fields.ts';
import { chatCompletionRoute } from './routes.ts';

/** A request of another wire format, as a chat. */
export type TranslatedChat = {
  readonly chat: ChatCompletionRequest;
  /** What a chat cannot express, and what costs nothing to leave out. */
  readonly ignored: readonly string[];
  readonly answers: AnswerWriter;
  /** The parameter that has the messages. */
  readonly messagesIn: string;
};

/** Adds a route that serves chats in another wire format, with any model of the plan. */
export function translatedChatRoute<O extends MeteredRoute['operation']>(
  app: FastifyInstance,
  operation: O,
  translate: (request: OperationRequest<O>) => TranslatedChat | Promise<TranslatedChat>,
): void {
  translatedRoute(app, operation, async (request) => {
    const { chat, ignored, answers, messagesIn: param } = await translate(request);
    if (chat.messages.length === 0) throw nothingToAnswer(param);
    const route: MeteredRoute<ChatCompletionRequest> = {
      ...chatRoute(app),
      operation,
      translate: translateAnswers(answers),
      adapt: adaptIgnoring(app, ignored),
    };
    return { body: chat, route };
  });
}

function nothingToAnswer(param: string) {
  const detail = `${param} has nothing to answer: send a message with content.`;
  return problem('invalid_request', { detail, fields: { param } });
}

/** The route of chats, moderated if the catalogue asks for it. */
function chatRoute(app: FastifyInstance): MeteredRoute<ChatCompletionRequest> {
  const route: MeteredRoute<ChatCompletionRequest> = {
    ...chatCompletionRoute,
    adapt: (check, sender) => adaptChat(app, check, sender),
  };
  return moderatedRoute(route, app.metering.priceBook, isModerated('chat'));
}

/** @param ignored what was left out before. */
function adaptIgnoring(app: FastifyInstance, ignored: readonly string[]) {
  return async (check: EntitlementCheck<ChatCompletionRequest>, sender: Sender) => {
    const adapted = await adaptChat(app, check, sender);
    return { ...adapted, ignored: [...ignored, ...adapted.ignored] };
  };
}

/** Fits a chat to its model, with the content of its URLs. */
async function adaptChat(
  { inlineLinks }: FastifyInstance,
  check: EntitlementCheck<ChatCompletionRequest>,
  sender: Sender,
): Promise<Adapted<ChatCompletionRequest>> {
  const { info } = requiredModel(check, 'text');
  requireReadableImages(check.body, info);
  return chatCompletionRoute.adapt({ ...check, body: await inlineLinks(check.body, sender) });
}

/** OpenAI-compatible chat completions. */
export const chatPlugin: FastifyPluginAsync = async (app) => {
  /** How the answers to requests with custom tools or legacy functions are written, until they are served. */
  const writers = new WeakMap<FastifyRequest, AnswerWriter>();
  /** What was left out of each request, until it is served. */
  const hints = new WeakMap<FastifyRequest, string[]>();
  app.addHook('preValidation', (request, _reply, done) => {
    const { body } = request;
    const names = replaceCustomTools(body);
    if (names !== undefined && names.size > 0) writers.set(request, customToolAnswers(names));
    const callsFunctions = replaceLegacyFunctions(body);
    if (callsFunctions) writers.set(request, LEGACY_FUNCTION_ANSWERS);
    const ignored = takeHints(body);
    if (ignored.length > 0) hints.set(request, ignored);
    const changes = [ignored.length > 0, replaceOtherForms(body), dropIgnoredFields(body)];
    const isChanged = names !== undefined || callsFunctions !== undefined || changes.includes(true);
    if (isChanged) request.rawBody = Buffer.from(JSON.stringify(body));
    refuseCostlyFields(body);
    done();
  });
  const route = chatRoute(app);
  meteredRoute<ChatCompletionRequest>(app, route, (request) => {
    const writer = writers.get(request);
    const ignored = hints.get(request);
    return {
      ...route,
      ...(writer && { translate: translateAnswers(writer) }),
      ...(ignored && { adapt: adaptIgnoring(app, ignored) }),
    };
  });
};
