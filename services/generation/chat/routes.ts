import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { promptTexts } from '#libs/pipelines/prompt-bound.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { ProblemError, problem, toOpenAiError } from '#libs/problems/problems.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import {
  type Attempt,
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
} from '../calls/domain/run-call.ts';
import type { ChatSource } from '../providers/domain/chat-source.ts';
import type { NormalisedChat } from '../providers/domain/provider-adapter.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { chunkEvent } from '../providers/domain/stream-piece.ts';
import { answerWithDocument, onlyCall } from '../requests/domain/answer-with-document.ts';
import { presentFigures, storedResponseOf } from '../requests/domain/figures.ts';
import type { GenerationRequest } from '../requests/domain/generation-request.ts';
import {
  type GenerationHandler,
  type HandlerInput,
  parseBody,
  type ResponseSender,
} from '../requests/domain/handler.ts';
import { moderateTexts } from '../safety/domain.ts';
import { MAX_STORED_BYTES } from '../stored-responses/domain.ts';
import { createStreamResponse } from './stream-response.ts';

export type ChatOptions = {
  runner: CallRunner;
  providers: Pick<Providers, 'forChat' | 'moderationsIfConfigured'>;
};

const DONE = 'data: [DONE]\n\n';

/** One provider call with request and response in OpenAI's format. It is settled before its result is sent. */
export function createChatHandler({ runner, providers }: ChatOptions): GenerationHandler {
  return async (asked, input, response) => {
    const request = await moderated(runner, providers, asked, input.body);
    const call = configuredCall(onlyCall(request), providers.forChat);
    const target = targetOf(providers, input.body, call);
    // A fallback may be of another provider, which takes another form.
    const targetFor = (one: PlannedCall) => (one === call ? target : targetOf(providers, input.body, one));
    const respond = target.chat.body.stream ? respondWithStream : respondWithJson;
    return respond({ runner, request, call, chat: target.chat, targetFor }, response, input);
  };
}

/** The request without its moderation, which is done. @throws ProblemError `prompt_refused`. */
async function moderated(
  runner: CallRunner,
  { moderationsIfConfigured }: ChatOptions['providers'],
  request: GenerationRequest,
  body: unknown,
): Promise<GenerationRequest> {
  const { plan } = request;
  const safety = plan.calls.find(({ step }) => step === SAFETY_STEP);
  if (safety === undefined) return request;
  const texts = [...promptTexts(checkShape(body))];
  const adapter = moderationsIfConfigured(safety.provider);
  await moderateTexts({ ...request, runner, call: safety, texts, adapter });
  return { ...request, plan: { ...plan, calls: plan.calls.filter((call) => call !== safety) } };
}

type ChatTarget = { source: ChatSource; chat: NormalisedChat };

function targetOf({ forChat }: Pick<Providers, 'forChat'>, body: unknown, call: PlannedCall): ChatTarget {
  const { source, isPassthrough } = forChat(call.provider);
  return { source, chat: toChat(body, call, isPassthrough) };
}

type Chat = {
  runner: CallRunner;
  request: GenerationRequest;
  call: PlannedCall;
  /** For the first model. */
  chat: NormalisedChat;
  targetFor: (call: PlannedCall) => ChatTarget;
};

async function respondWithJson(
  { runner, request, call, chat, targetFor }: Chat,
  response: ResponseSender,
): Promise<void> {
  const count = (one: PlannedCall) => countPrompt(chat.body, one);
  const attempt: Attempt<Buffer> = async (context, record, one) => {
    const { source, chat: asked } = targetFor(one);
    const answer = await source.chat(asked, context);
    record.takeAnswer(answer);
    return answer.bytes;
  };
  await answerWithDocument(runner, request, response, count, attempt, undefined, call);
}

async function respondWithStream(
  { runner, request, call, chat, targetFor }: Chat,
  response: ResponseSender,
  { requestId, recordFailure }: HandlerInput,
): Promise<void> {
  const { slot } = request;
  const stream = createStreamResponse(response, slot ? MAX_STORED_BYTES : 0);
  const wantsUsage = chat.body.stream_options?.include_usage === true;
  let usageEvent = '';
  const endingOf = (figures: Figures & { state?: string }) =>
    `${wantsUsage ? usageEvent : ''}${figuresComment(figures)}${DONE}`;
  const providerCall: ProviderCall = {
    ...providerCallOf(request, call, chat),
    ...(slot && {
      beforeSettle: async (figures) => {
        const beginning = stream.transcript();
        // an empty transcript was too long to keep
        if (beginning.length === 0) return;
        const body = Buffer.concat([beginning, Buffer.from(endingOf(figures))]);
        await slot.store(storedResponseOf('events', figures, body));
      },
    }),
  };
  try {
    const { figures } = await runCall(runner, providerCall, (context, record, one) => {
      const { source, chat: asked } = targetFor(one);
      return source.chatStream(asked, { ...context, onAccepted: stream.beginSoon }, (piece) => {
        record.take(piece);
        if (piece.usageEvent !== undefined) usageEvent = piece.usageEvent;
        return stream.writePiece(piece);
      });
    });
    stream.release();
    stream.write(endingOf(figures));
  } catch (error) {
    // output until the failure is settled, unless the settlement itself failed
    if (!isUnsettled(error)) stream.release();
    if (!stream.hasBegun()) {
      stream.cancel();
      throw error;
    }
    stream.write(chunkEvent(toOpenAiError(recordFailure(error), requestId)));
  }
  stream.end();
}

function isUnsettled(error: unknown): boolean {
  return error instanceof ProblemError && error.code === 'metering_unavailable';
}

/**
 * The gateway has validated the request. A chat to be translated is validated again, because the translation reads every
 * field; a chat that is passed through only needs messages.
 */
function toChat(body: unknown, call: PlannedCall, isPassthrough: boolean): NormalisedChat {
  return {
    body: isPassthrough ? checkShape(body) : parseBody(chatCompletionRequest, body),
    model: call.model,
    upstreamModel: call.upstreamModel,
    outputTokens: call.outputTokens,
    choices: call.choices,
  };
}

function checkShape(body: unknown): ChatCompletionRequest {
  const request = body as ChatCompletionRequest | null;
  if (typeof request !== 'object' || request === null || !Array.isArray(request.messages)) {
    throw problem('invalid_request', { fields: { param: 'messages' } });
  }
  return request;
}

function providerCallOf(
  { requestId, active, settlement }: GenerationRequest,
  call: PlannedCall,
  { body }: NormalisedChat,
): ProviderCall {
  const isLast = () => true;
  return { requestId, call, active, settlement, isLast, countPrompt: (one) => countPrompt(body, one) };
}

/** A comment, because the headers of a stream are sent before its cost is known. SSE parsers skip comments. */
function figuresComment(figures: Figures & { state?: string }): string {
  return `: inkmeter ${JSON.stringify(presentFigures(figures))}\n\n`;
}
