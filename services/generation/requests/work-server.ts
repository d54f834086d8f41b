/** Work as it comes over channels: one handler for each kind, and what all of them have in common. */
import type { z } from 'zod';
import type { Sender } from '#libs/channel/sender.ts';
import type { AnswerHead, WorkHead, WorkKind } from '#libs/contracts/work.ts';
import { type ProblemError, problem, toOpenAiError, toProblemJson } from '#libs/problems/problems.ts';
import { CLIENT_CLOSED_REQUEST, createCompletionRecorder } from '#libs/service/completed-requests.ts';
import { toProblem } from '#libs/service/framework-problems.ts';
import { REQUEST_ID_LABEL } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import {
  type GenerationRequest,
  type GenerationRequestDependencies,
  runGenerationRequest,
} from './generation-request.ts';

export type WorkRequest = {
  readonly requestId: string;
  /** The client's, as JSON says it; the gateway has checked it. */
  readonly body: unknown;
  /** The client's `Accept`, or nothing. */
  readonly accept: string;
  /** Notes how the request failed. @returns what its client is told. */
  readonly failed: (error: unknown) => ProblemError;
};

export type WorkAnswer = Sender<AnswerHead>;

/** Does one task. What it throws is the answer, unless that has begun: then nobody would read it. */
export type WorkHandler = (
  task: GenerationRequest,
  request: WorkRequest,
  answer: WorkAnswer,
) => Promise<void>;

export type WorkDependencies = GenerationRequestDependencies & {
  handlers: Readonly<Record<WorkKind, WorkHandler>>;
  requests: Pick<Metrics, 'recordRequest' | 'recordRefusal'>;
  isOverloaded: () => boolean;
};

export type WorkServer = (request: { head: WorkHead; body: Buffer }, answer: WorkAnswer) => Promise<void>;

const METHOD = 'WORK';

export function createWorkServer(dependencies: WorkDependencies): WorkServer {
  const { handlers, isOverloaded, logger, requests } = dependencies;
  const record = createCompletionRecorder(logger, requests);

  return async ({ head, body }, answer) => {
    const startedAt = performance.now();
    const { requestId } = head;
    const { kind } = head.plan;
    let problemCode: string | null = null;
    const failed = (thrown: unknown): ProblemError => {
      const failure = toProblem(thrown);
      problemCode = failure.code;
      requests.recordRefusal(failure.code);
      if (failure.status >= 500) {
        logger.error({ err: thrown, [REQUEST_ID_LABEL]: requestId }, 'request failed');
      }
      return failure;
    };
    try {
      await runGenerationRequest(dependencies, head, answer, (task) => {
        if (isOverloaded()) throw problem('overloaded', { headers: { 'retry-after': '1' } });
        const request = { requestId, body: parseJson(body), accept: head.accept ?? '', failed };
        return handlers[kind](task, request, answer);
      });
    } catch (error) {
      const failure = failed(error);
      if (answer.head() === undefined) refuse(failure, head, answer);
    }
    record({
      requestId,
      method: METHOD,
      route: kind,
      status: answer.isGone() ? CLIENT_CLOSED_REQUEST : (answer.head()?.status ?? 0),
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

/** @throws ProblemError `invalid_request`, naming the first thing that is wrong. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  const param = issue?.path.join('.') ?? '';
  throw problem('invalid_request', { detail: `${param}: ${issue?.message}`, fields: { param } });
}

/** Chats are answered in OpenAI's shape, failures too. */
function refuse(failure: ProblemError, { requestId, plan }: WorkHead, answer: WorkAnswer): void {
  const isChat = plan.kind === 'chat';
  const document = isChat ? toOpenAiError(failure, requestId) : toProblemJson(failure, requestId);
  const type = isChat ? 'application/json' : 'application/problem+json';
  const headers = { ...failure.headers, 'content-type': `${type}; charset=utf-8` };
  answerWhole(answer, { status: failure.status, headers }, Buffer.from(JSON.stringify(document)));
}

/** An answer whose length is known. */
export function answerWhole(answer: WorkAnswer, { status, headers }: AnswerHead, body: Buffer): void {
  answer.whole({ status, headers: { ...headers, 'content-length': String(body.length) } }, body);
}
