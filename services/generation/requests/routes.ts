import type { FileSource } from '#libs/contracts/file-source.ts';
import {
  type CallPlan,
  decodeGenerationRequest,
  fileStartOf,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
  type RequestKind,
  type SentRequest,
} from '#libs/contracts/generation-requests.ts';
import { readTraceparent } from '#libs/http/traceparent.ts';
import { TRANSCRIPTION_STEP } from '#libs/pipelines/audio.ts';
import { type ProblemError, problem, toOpenAiError, toProblemJson } from '#libs/problems/problems.ts';
import { type DirectRequest, type DirectRoute, recordFailure } from '#libs/service/direct-routes.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { GenerationRequest, ReceivedHead } from './domain/generation-request.ts';
import {
  type GenerationHandlers,
  type HandledKind,
  type ResponseSender,
  sendWhole,
} from './domain/handler.ts';
import { createResponseSender } from './response-sender.ts';

export type RequestRouteOptions = {
  metrics: Pick<Metrics, 'recordRefusal'>;
  bodyLimitBytes: number;
  handlers: Readonly<GenerationHandlers>;
  /** Runs a request around its handler. */
  runRequest: (
    head: ReceivedHead,
    response: ResponseSender,
    run: (request: GenerationRequest) => Promise<void>,
  ) => Promise<void>;
  isOverloaded: () => boolean;
};

/** Allowance for the head of a request, which contains its plan of calls. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** One route for each kind of request. */
export function requestRoutes(add: (route: DirectRoute) => void, options: RequestRouteOptions): void {
  for (const kind of Object.keys(options.handlers) as HandledKind[]) {
    add({
      path: GENERATION_PATHS[kind],
      contentType: GENERATION_REQUEST_TYPE,
      bodyLimitBytes: options.bodyLimitBytes + MAX_HEAD_BYTES,
      ...(kind === 'audio' && { fileStart }),
      serve: async (request, caller, bytes, file) => {
        const { head: sent, body } = decode(bytes);
        if (sent.plan.kind !== kind || sent.requestId !== request.id) {
          throw problem('invalid_request', { detail: 'The head is for another request.' });
        }
        // The signed caller counts, not the copy in the head.
        const head = { ...sent, caller, traceparent: readTraceparent(request.raw.headers) };
        await serve(options, kind, request, head, { body, file }, createResponseSender(request.response));
      },
    });
  }
}

const hasRecording = ({ calls }: CallPlan) => calls[0]?.step === TRANSCRIPTION_STEP;

function fileStart(start: Buffer): number | null | undefined {
  try {
    return fileStartOf(start, hasRecording);
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
}

function decode(bytes: Buffer): SentRequest {
  try {
    return decodeGenerationRequest(bytes);
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
}

async function serve(
  { handlers, runRequest, isOverloaded, metrics }: RequestRouteOptions,
  kind: HandledKind,
  request: DirectRequest,
  head: GenerationRequestHead,
  { body, file }: { body: Buffer; file: FileSource | null },
  response: ResponseSender,
): Promise<void> {
  const { requestId } = head;
  const fail = (thrown: unknown) => recordFailure(metrics, request, thrown);
  try {
    await runRequest(head, response, (running) => {
      // Checked here and not before, so that the hold of a refused request is closed.
      if (isOverloaded()) throw problem('overloaded', { headers: { 'retry-after': '1' } });
      const input = {
        requestId,
        body: parseJson(body),
        file,
        accept: head.accept ?? '',
        recordFailure: fail,
      };
      return handlers[kind](running, input, response);
    });
  } catch (error) {
    const failure = fail(error);
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

/** Kinds of requests whose responses are in OpenAI's format, errors included. */
const OPENAI_KINDS: ReadonlySet<RequestKind> = new Set(['chat', 'embedding', 'moderation', 'audio']);

function sendProblem(
  failure: ProblemError,
  { requestId, plan }: GenerationRequestHead,
  response: ResponseSender,
): void {
  const isOpenAi = OPENAI_KINDS.has(plan.kind);
  const document = isOpenAi ? toOpenAiError(failure, requestId) : toProblemJson(failure, requestId);
  const type = isOpenAi ? 'application/json' : 'application/problem+json';
  const headers = { ...failure.headers, 'content-type': `${type}; charset=utf-8` };
  sendWhole(response, { status: failure.status, headers }, Buffer.from(JSON.stringify(document)));
}
