import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/work.ts';
import { problem, toOpenAiError } from '#libs/problems/problems.ts';
import { countPrompt } from '../calls/count-tokens.ts';
import { type CallRunner, type Figures, type ProviderCall, runCall } from '../calls/run-call.ts';
import type { ChatSource, WholeAnswer } from '../providers/chat-source.ts';
import type { NormalisedChat } from '../providers/port.ts';
import type { ChatProviders } from '../providers/registry.ts';
import { chunkEvent } from '../providers/stream-piece.ts';
import { answerJson, presentFigures, storedResponseOf } from '../requests/figures.ts';
import type { GenerationRequest } from '../requests/generation-request.ts';
import { createStreamResponse } from '../requests/stream-response.ts';
import { parseBody, type WorkAnswer, type WorkHandler, type WorkRequest } from '../requests/work-server.ts';
import { MAX_STORED_BYTES } from '../stored-responses/domain.ts';

export type ChatDependencies = { runner: CallRunner; providers: ChatProviders };

const DONE = 'data: [DONE]\n\n';

/** One provider call, in and out in OpenAI's format, settled before its result leaves. */
export function createChatHandler({ runner, providers }: ChatDependencies): WorkHandler {
  return (task, request, answer) => {
    const call = onlyCall(task);
    const { source, isPassthrough } = providers.forChat(call.provider);
    const chat = toChat(request.body, call, isPassthrough);
    const answerer = chat.body.stream ? streamAnswer : wholeAnswer;
    return answerer({ runner, task, call, source, chat }, request, answer);
  };
}

/** One chat, and what it is done with. */
type ChatWork = {
  runner: CallRunner;
  task: GenerationRequest;
  call: PlannedCall;
  source: ChatSource;
  chat: NormalisedChat;
};

type Answerer = (work: ChatWork, request: WorkRequest, answer: WorkAnswer) => Promise<void>;

const wholeAnswer: Answerer = async ({ runner, task, call, source, chat }, _request, answer) => {
  let completed: WholeAnswer | undefined;
  const job: ProviderCall = {
    ...jobOf(task, call, chat),
    ...(task.slot && {
      keep: async (figures) => {
        await task.slot?.keep(storedResponseOf('json', figures, completed?.bytes ?? Buffer.alloc(0)));
      },
    }),
  };
  const { result, figures } = await runCall(runner, job, async (context, record) => {
    completed = await source.chat(chat, context);
    const { bytes, units, completion } = completed;
    record.responseBytes = bytes.length;
    if (units) record.usage = { units, final: true };
    else record.text = JSON.stringify(completion.choices.map(({ message }) => message));
    return bytes;
  });
  answerJson(answer, figures, result);
};

const streamAnswer: Answerer = async ({ runner, task, call, source, chat }, request, answer) => {
  const response = createStreamResponse(answer, task.slot ? MAX_STORED_BYTES : 0);
  const wantsUsage = chat.body.stream_options?.include_usage === true;
  let usageEvent = '';
  const ending = (figures: Figures & { state?: string }) =>
    `${wantsUsage ? usageEvent : ''}${figuresComment(figures)}${DONE}`;
  const job: ProviderCall = {
    ...jobOf(task, call, chat),
    ...(task.slot && {
      keep: async (figures) => {
        const begun = response.transcript();
        // what was too long to be remembered is too long to be kept
        if (begun.length === 0) return;
        const body = Buffer.concat([begun, Buffer.from(ending(figures))]);
        await task.slot?.keep(storedResponseOf('events', figures, body));
      },
    }),
  };
  try {
    const { figures } = await runCall(runner, job, (context, record) =>
      source.chatStream(chat, context, (piece) => {
        record.take(piece);
        if (piece.usageEvent !== undefined) usageEvent = piece.usageEvent;
        return piece.bytes === null ? undefined : response.write(piece.bytes);
      }),
    );
    void response.write(ending(figures));
  } catch (error) {
    if (!response.hasBegun()) throw error;
    void response.write(chunkEvent(toOpenAiError(request.failed(error), request.requestId)));
  }
  response.end();
};

function onlyCall({ plan }: GenerationRequest): PlannedCall {
  const [call, ...others] = plan.calls;
  if (call === undefined || others.length > 0) {
    throw problem('invalid_request', { detail: 'A chat is one call.' });
  }
  return call;
}

/**
 * The gateway has checked the request against the contract. What is translated is checked again, because the
 * translation reads every field; what passes as it is only has to be a request at all.
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

function jobOf(
  { requestId, work, settlement }: GenerationRequest,
  call: PlannedCall,
  { body }: NormalisedChat,
): ProviderCall {
  const isLast = () => true;
  return { requestId, call, work, settlement, isLast, countPrompt: () => countPrompt(body, call) };
}

/** A comment, which SSE parsers skip: a stream's headers have left before its cost is known. */
function figuresComment(figures: Figures & { state?: string }): string {
  return `: inkmeter ${JSON.stringify(presentFigures(figures))}\n\n`;
}
