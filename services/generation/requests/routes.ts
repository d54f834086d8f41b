import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  decodeGenerationRequest,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
  type RequestKind,
} from '#libs/contracts/generation-requests.ts';
import { type ProblemError, problem, toOpenAiError, toProblemJson } from '#libs/problems/problems.ts';
import { toProblem } from '#libs/service/framework-problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { GenerationRequest } from './domain/generation-request.ts';
import { type GenerationHandlers, type ResponseSender, sendWhole } from './domain/handler.ts';
import { createResponseSender } from './response-sender.ts';

export type RequestRouteOptions = {
  metrics: Pick<Metrics, 'recordRefusal'>;
  bodyLimitBytes: number;
  handlers: Readonly<GenerationHandlers>;
  /** Runs a request around its handler. */
  runRequest: (
    head: GenerationRequestHead,
    response: ResponseSender,
    run: (request: GenerationRequest) => Promise<void>,
  ) => Promise<void>;
  isOverloaded: () => boolean;
};

/** Allowance for the head of a request, which contains its plan of calls. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** An overloaded service refuses a request in its handler instead, where the hold is closed. */
const pressureHandler = () => undefined;

/** One route for each kind of request. Call it in a scope of its own: it adds a content type. */
export function requestRoutes(app: FastifyInstance, options: RequestRouteOptions): void {
  app.addContentTypeParser(
    GENERATION_REQUEST_TYPE,
    { parseAs: 'buffer', bodyLimit: options.bodyLimitBytes + MAX_HEAD_BYTES },
    (_request, body, done) => done(null, body),
  );
  for (const [kind, path] of Object.entries(GENERATION_PATHS) as [RequestKind, string][]) {
    app.post(path, { config: { pressureHandler } }, async (request, reply) => {
      const { head: sent, body } = decode(request.body);
      // The signed caller counts, not the copy in the head.
      const head = { ...sent, caller: callerOf(request) };
      if (head.plan.kind !== kind || head.requestId !== request.id) {
        throw problem('invalid_request', { detail: 'The head is for another request.' });
      }
      request.accountId = head.caller.accountId;
      reply.hijack();
      await serve(options, request, head, body, createResponseSender(reply.raw));
    });
  }
}

function decode(body: unknown): { head: GenerationRequestHead; body: Buffer } {
  try {
    return decodeGenerationRequest(body as Buffer);
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
}

async function serve(
  { handlers, runRequest, isOverloaded, metrics }: RequestRouteOptions,
  httpRequest: FastifyRequest,
  head: GenerationRequestHead,
  body: Buffer,
  response: ResponseSender,
): Promise<void> {
  const { requestId } = head;
  const recordFailure = (thrown: unknown): ProblemError => {
    const failure = toProblem(thrown);
    httpRequest.problemCode = failure.code;
    metrics.recordRefusal(failure.code);
    if (failure.status >= 500) httpRequest.log.error({ err: thrown }, 'request failed');
    return failure;
  };
  try {
    await runRequest(head, response, (request) => {
      if (isOverloaded()) throw problem('overloaded', { headers: { 'retry-after': '1' } });
      const input = { requestId, body: parseJson(body), accept: head.accept ?? '', recordFailure };
      return handlers[head.plan.kind](request, input, response);
    });
  } catch (error) {
    const failure = recordFailure(error);
    if (response.head() === undefined) sendProblem(failure, head, response);
    else if (!response.hasEnded()) response.cancel();
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
}

/** Chats get errors in OpenAI's shape. */
function sendProblem(
  failure: ProblemError,
  { requestId, plan }: GenerationRequestHead,
  response: ResponseSender,
): void {
  const isChat = plan.kind === 'chat';
  const document = isChat ? toOpenAiError(failure, requestId) : toProblemJson(failure, requestId);
  const type = isChat ? 'application/json' : 'application/problem+json';
  const headers = { ...failure.headers, 'content-type': `${type}; charset=utf-8` };
  sendWhole(response, { status: failure.status, headers }, Buffer.from(JSON.stringify(document)));
}
