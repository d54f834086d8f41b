/** Serves generation requests that arrive over channels (`libs/channel`). The only file that uses that transport. */
import type { Server } from 'node:http';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { acceptChannels, type ChannelServer } from '#libs/channel/server.ts';
import { WORK_PATH, WORK_PROTOCOL, type WorkHead } from '#libs/contracts/work.ts';
import { type ProblemError, problem, toOpenAiError, toProblemJson } from '#libs/problems/problems.ts';
import { CLIENT_CLOSED_REQUEST, createCompletionRecorder } from '#libs/service/completed-requests.ts';
import { toProblem } from '#libs/service/framework-problems.ts';
import { rejectUnsignedCaller } from '#libs/service/internal-calls.ts';
import { type Logger, REQUEST_ID_LABEL } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { GenerationRequest } from './domain/generation-request.ts';
import { type GenerationHandlers, type ResponseSender, sendWhole } from './domain/handler.ts';

export type WorkServerOptions = {
  signer: Pick<ContextSigner, 'verify'>;
  logger: Logger;
  metrics: Pick<Metrics, 'recordRequest' | 'recordRefusal'>;
  bodyLimitBytes: number;
  handlers: Readonly<GenerationHandlers>;
  /** Runs a request around its handler. */
  runRequest: (
    head: WorkHead,
    response: ResponseSender,
    run: (request: GenerationRequest) => Promise<void>,
  ) => Promise<void>;
  isOverloaded: () => boolean;
};

/** Allowance for the head of a request, which contains its plan of calls. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** The method that logs and metrics show for requests over channels. */
const METHOD = 'WORK';

export function createWorkServer(server: Server, options: WorkServerOptions): ChannelServer {
  const { signer, logger, bodyLimitBytes } = options;
  return acceptChannels(server, WORK_PROTOCOL, {
    maxRequestBytes: bodyLimitBytes + MAX_HEAD_BYTES,
    refuse: ({ url, headers }) => (url === WORK_PATH ? rejectUnsignedCaller(signer, headers) : 404),
    serve: createRequestServer(options),
    onError: (error) => logger.error({ err: error }, 'channel failed'),
  });
}

function createRequestServer({ handlers, runRequest, isOverloaded, logger, metrics }: WorkServerOptions) {
  const recordCompletion = createCompletionRecorder(logger, metrics);

  return async ({ head, body }: { head: WorkHead; body: Buffer }, response: ResponseSender) => {
    const startedAt = performance.now();
    const { requestId } = head;
    const { kind } = head.plan;
    let problemCode: string | null = null;
    const recordFailure = (thrown: unknown): ProblemError => {
      const failure = toProblem(thrown);
      problemCode = failure.code;
      metrics.recordRefusal(failure.code);
      if (failure.status >= 500) {
        logger.error({ err: thrown, [REQUEST_ID_LABEL]: requestId }, 'request failed');
      }
      return failure;
    };
    try {
      await runRequest(head, response, (request) => {
        if (isOverloaded()) throw problem('overloaded', { headers: { 'retry-after': '1' } });
        const input = { requestId, body: parseJson(body), accept: head.accept ?? '', recordFailure };
        return handlers[kind](request, input, response);
      });
    } catch (error) {
      const failure = recordFailure(error);
      if (response.head() === undefined) sendProblem(failure, head, response);
    }
    recordCompletion({
      requestId,
      method: METHOD,
      route: kind,
      status: response.isGone() ? CLIENT_CLOSED_REQUEST : (response.head()?.status ?? 0),
      ms: performance.now() - startedAt,
      accountId: head.caller.accountId,
      problemCode,
    });
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
}

/** Chats get errors in OpenAI's shape. */
function sendProblem(failure: ProblemError, { requestId, plan }: WorkHead, response: ResponseSender): void {
  const isChat = plan.kind === 'chat';
  const document = isChat ? toOpenAiError(failure, requestId) : toProblemJson(failure, requestId);
  const type = isChat ? 'application/json' : 'application/problem+json';
  const headers = { ...failure.headers, 'content-type': `${type}; charset=utf-8` };
  sendWhole(response, { status: failure.status, headers }, Buffer.from(JSON.stringify(document)));
}
