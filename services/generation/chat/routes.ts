import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { promptTexts } from '#libs/pipelines/prompt-bound.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { ProblemError, problem, toOpenAiError } from '#libs/problems/problems.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import { type CallRunner, type Figures, type ProviderCall, runCall } from '../calls/domain/run-call.ts';
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
    const call = onlyCall(request);
    const { source, isPassthrough } = providers.forChat(call.provider);
    const chat = toChat(input.body, call, isPassthrough);
    const respond = chat.body.stream ? respondWithStream : respondWithJson;
    return respond({ runner, request, call, source, chat }, response, input);
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

type Chat = {
  runner: CallRunner;
  request: GenerationRequest;
  call: PlannedCall;
  source: ChatSource;
  chat: NormalisedChat;
};

async function respondWithJson(
  { runner, request, call, source, chat }: Chat,
  response: ResponseSender,
): Promise<void> {
  const count = () => countPrompt(chat.body, call);
  await answerWithDocument(runner, request, response, count, async (context, record) => {
    const answer = await source.chat(chat, context);
    record.takeAnswer(answer);
    return answer.bytes;
  });
}

async function respondWithStream(
  { runner, request, call, source, chat }: Chat,
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
    const { figures } = await runCall(runner, providerCall, (context, record) =>
      source.chatStream(chat, { ...context, onAccepted: stream.beginSoon }, (piece) => {
        record.take(piece);
        if (piece.usageEvent !== undefined) usageEvent = piece.usageEvent;
        return stream.writePiece(piece);
      }),
    );
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
  return { requestId, call, active, settlement, isLast, countPrompt: () => countPrompt(body, call) };
}

/** A comment, because the headers of a stream are sent before its cost is known. SSE parsers skip comments. */
function figuresComment(figures: Figures & { state?: string }): string {
  return `: inkmeter ${JSON.stringify(presentFigures(figures))}\n\n`;
}
