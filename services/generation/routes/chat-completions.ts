import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/internal-context.ts';
import { asProblem, problem, toOpenAiError } from '#libs/problems/problems.ts';
import { countPrompt } from '../domain/count-tokens.ts';
import { MAX_KEPT_BYTES } from '../domain/kept-answers.ts';
import { type CallJob, type CallRunner, type Figures, figureHeaders, runCall } from '../domain/run-call.ts';
import type { ChatSource, WholeAnswer } from '../providers/chat-source.ts';
import type { NormalisedChat } from '../providers/port.ts';
import type { ChatProviders } from '../providers/registry.ts';
import { chunkEvent } from '../providers/stream-piece.ts';
import { figuresForClient, presentFigures } from './figures.ts';
import { createStreamResponse } from './stream-response.ts';
import { type Task, type TaskDependencies, withTask } from './task.ts';

export type ChatDependencies = TaskDependencies & {
  runner: CallRunner;
  providers: ChatProviders;
};

const JSON_TYPE = 'application/json; charset=utf-8';
const DONE = 'data: [DONE]\n\n';

/** `POST /v1/chat/completions`: one provider call, in and out in OpenAI's format, settled before its result leaves. */
export function chatCompletionsRoute(app: FastifyInstance, dependencies: ChatDependencies): void {
  app.post('/v1/chat/completions', (request, reply) =>
    withTask(dependencies, request, reply, async (task) => {
      const call = onlyCall(task);
      const { source, isPassthrough } = dependencies.providers.forChat(call.provider);
      const chat = toChat(request.body, call, isPassthrough);
      const answer = chat.body.stream ? streamAnswer : wholeAnswer;
      await answer(dependencies.runner, task, call, source, chat, request, reply);
      return reply;
    }),
  );
}

type Answerer = (
  runner: CallRunner,
  task: Task,
  call: PlannedCall,
  source: ChatSource,
  chat: NormalisedChat,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<void>;

const wholeAnswer: Answerer = async (runner, task, call, source, chat, _request, reply) => {
  let answer: WholeAnswer | undefined;
  const job: CallJob = {
    ...jobOf(task, call, chat),
    ...(task.slot && {
      keep: async (figures) => {
        const headers = { 'content-type': JSON_TYPE, ...figuresForClient(figures) };
        await task.slot?.keep({ status: 200, headers, body: answer?.bytes ?? Buffer.alloc(0) });
      },
    }),
  };
  const { result, figures } = await runCall(runner, job, async (context, record) => {
    answer = await source.chat(chat, context);
    const { bytes, units, completion } = answer;
    record.responseBytes = bytes.length;
    if (units) record.usage = { units, final: true };
    else record.text = JSON.stringify(completion.choices.map(({ message }) => message));
    return bytes;
  });
  reply.headers(figureHeaders(figures, 'ok')).type(JSON_TYPE).send(result);
};

const streamAnswer: Answerer = async (runner, task, call, source, chat, request, reply) => {
  const response = createStreamResponse(reply, task.slot ? MAX_KEPT_BYTES : 0);
  const wantsUsage = chat.body.stream_options?.include_usage === true;
  let usageEvent = '';
  const ending = (figures: Figures & { state?: string }) =>
    `${wantsUsage ? usageEvent : ''}${figuresComment(figures)}${DONE}`;
  const job: CallJob = {
    ...jobOf(task, call, chat),
    ...(task.slot && {
      keep: async (figures) => {
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', ...figuresForClient(figures) };
        const begun = response.transcript();
        // what was too long to be remembered is too long to be kept
        if (begun.length === 0) return;
        await task.slot?.keep({
          status: 200,
          headers,
          body: Buffer.concat([begun, Buffer.from(ending(figures))]),
        });
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
    const failure = asProblem(error);
    request.problemCode = failure.code;
    if (failure.status >= 500) request.log.error({ err: error }, 'a stream failed');
    void response.write(chunkEvent(toOpenAiError(failure, request.id)));
  }
  response.end();
};

function onlyCall({ plan }: Task): PlannedCall {
  const [call, ...others] = plan.calls;
  if (plan.kind !== 'chat' || call === undefined || others.length > 0) {
    throw problem('invalid_request', { detail: 'The context does not carry the plan of a chat.' });
  }
  return call;
}

/**
 * The gateway has checked the request against the contract. What is translated is checked again, because the
 * translation reads every field; what passes as it is only has to be a request at all.
 */
function toChat(body: unknown, call: PlannedCall, isPassthrough: boolean): NormalisedChat {
  return {
    body: isPassthrough ? checkShape(body) : parseRequest(body),
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

function parseRequest(body: unknown): ChatCompletionRequest {
  const { success, data, error } = chatCompletionRequest.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  const param = issue?.path.join('.') ?? '';
  throw problem('invalid_request', { detail: `${param}: ${issue?.message}`, fields: { param } });
}

function jobOf({ requestId, work, settlement }: Task, call: PlannedCall, { body }: NormalisedChat): CallJob {
  const isLast = () => true;
  return { requestId, call, work, settlement, isLast, countPrompt: () => countPrompt(body, call) };
}

/** A comment, which SSE parsers skip: a stream's headers have left before its cost is known. */
function figuresComment(figures: Figures & { state?: string }): string {
  return `: inkmeter ${JSON.stringify(presentFigures(figures))}\n\n`;
}
