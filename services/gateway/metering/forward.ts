/**
 * Sends held requests to a generation process and its response to the client, as the bytes arrive: one copy, no buffering,
 * back-pressure from the client to the provider. A client that leaves ends the request upstream.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import type { FileSource } from '#libs/contracts/file-source.ts';
import {
  encodeGenerationRequest,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
} from '#libs/contracts/generation-requests.ts';
import { INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { createFailover } from '#libs/http/failover.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';
import { costHeaders } from '#libs/service/rate-limit-headers.ts';
import type { CompletedResponse } from '../idempotency/domain.ts';
import type { ResponseTranslator, TranslateResponse } from './domain/response-translator.ts';

export type ForwardRequest = {
  head: GenerationRequestHead;
  /** The plan of the head, serialised. */
  planJson: string;
  body: Buffer;
  /** Sent behind the body. */
  file?: FileSource | null | undefined;
  /** The client's response; its headers must not have been sent. */
  response: ServerResponse;
  /** Called when the response begins, before anything of it is written. */
  onBegin: () => void;
  /** Translates the response into the wire format of the route, if that is not generation's. */
  translate?: TranslateResponse;
  /** The trace that the client's request is part of. */
  traceparent?: string | undefined;
  /** Headers to send in addition to those of generation's response. */
  responseHeaders: Record<string, string>;
};

/**
 * Resolves when the whole response has been passed on; with the response, if it is to be stored. The caller stores it and
 * then ends it: a client that repeats its request after the end gets the stored response. A request whose response is
 * stored also continues when the client leaves.
 * @throws RequestNotSentError when nothing was sent, so that the hold can be closed.
 * @throws ProblemError `service_unavailable` when the connection was lost before a response began. What was spent is
 * settled by generation; the rest of the hold ends at its expiry.
 */
export type Forward = (request: ForwardRequest) => Promise<CompletedResponse | undefined>;

/** Nothing was sent to any generation process: none can be reached, or the client has left. */
export class RequestNotSentError extends Error {
  override readonly name = 'RequestNotSentError';
}

const RESPONSE_HEADERS = [
  'content-type',
  'content-length',
  'cache-control',
  'retry-after',
  'x-should-retry',
  // without it, nginx would hold back the events of a stream
  'x-accel-buffering',
  'x-inkmeter-model',
] as const;
/** A longer response is not stored, and so cannot be replayed. */
const MAX_STORED_BYTES = 4 * 1024 * 1024;

/**
 * @param options.pools one for each generation address; requests take turns.
 * @param options.sign signs requests to generation; the signature covers the caller.
 */
export function createForward(options: { pools: readonly Dispatcher[]; sign: SignIdentity }): Forward {
  const { pools, sign } = options;
  const failover = createFailover(pools, isNotSent);
  return async (request) => {
    const { head, planJson, body } = request;
    const bytes = encodeGenerationRequest(head, planJson, body);
    const path = GENERATION_PATHS[head.plan.kind];
    const identity = sign({ method: 'POST', path }, head.caller);
    try {
      return await failover((pool) => exchange(pool, identity, bytes, request));
    } catch (error) {
      if (!isNotSent(error)) throw error;
      throw new RequestNotSentError('No generation process can be reached.', { cause: error });
    }
  };
}

async function* withFile(bytes: Buffer, file: FileSource): AsyncGenerator<Uint8Array> {
  yield bytes;
  yield* file.read();
}

type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>;

function responseHeadersOf(headers: ReceivedHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of RESPONSE_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') passed[name] = value;
  }
  const cost = headers['x-inkmeter-cost-nano-usd'];
  if (typeof cost === 'string') {
    Object.assign(
      passed,
      costHeaders({
        costNanoUsd: BigInt(cost),
        tokens: String(headers['x-inkmeter-tokens'] ?? '0'),
        state: String(headers['x-inkmeter-budget-state'] ?? 'ok'),
      }),
    );
  }
  return passed;
}

function exchange(
  pool: Dispatcher,
  identity: string,
  bytes: Buffer,
  { head, file, response, onBegin, responseHeaders, translate, traceparent }: ForwardRequest,
): Promise<CompletedResponse | undefined> {
  const { requestId, storeResponse } = head;
  return new Promise((resolve, reject) => {
    if (response.destroyed && !storeResponse) {
      reject(new RequestNotSentError('The client has left.'));
      return;
    }
    const stored: Buffer[] = [];
    let storedBytes = 0;
    let status = 0;
    let sentHeaders: Record<string, string> = {};
    let translator: ResponseTranslator | undefined;
    let upstream: Dispatcher.DispatchController | undefined;
    let left = false;

    const resume = () => upstream?.resume();
    const onClose = () => {
      if (response.writableFinished) return;
      if (storeResponse) return resume();
      left = true;
      upstream?.abort(new Error('The client has left.'));
    };
    response.once('close', onClose);

    /** @returns whether the client keeps up. */
    function send(bytes: Buffer): boolean {
      if (bytes.length === 0) return true;
      if (storeResponse && storedBytes <= MAX_STORED_BYTES) {
        stored.push(Buffer.from(bytes));
        storedBytes += bytes.length;
      }
      return response.destroyed || response.write(bytes);
    }

    function finish(rest?: Buffer): void {
      if (rest !== undefined) send(rest);
      response.off('close', onClose);
      const isStored = storeResponse && storedBytes <= MAX_STORED_BYTES;
      if (!isStored && !response.destroyed) response.end();
      resolve(isStored ? { status, headers: sentHeaders, body: Buffer.concat(stored) } : undefined);
    }

    function fail(error: unknown): void {
      response.off('close', onClose);
      const isTruncated = response.headersSent || response.destroyed;
      if (error instanceof RequestNotSentError || isNotSent(error)) reject(error);
      else if (left) resolve(undefined);
      else if (isTruncated) {
        // A truncated response must not look complete.
        response.destroy();
        resolve(undefined);
      } else {
        // It may have been served, and charged.
        const headers = { 'x-should-retry': 'false' };
        reject(problem('service_unavailable', { cause: error, headers }));
      }
    }

    pool.dispatch(
      {
        method: 'POST',
        path: GENERATION_PATHS[head.plan.kind],
        headers: {
          'content-type': GENERATION_REQUEST_TYPE,
          'x-request-id': requestId,
          [INTERNAL_CONTEXT_HEADER]: identity,
          ...(traceparent !== undefined && { traceparent }),
          ...(file && { 'content-length': String(bytes.length + file.size) }),
        },
        body: file ? Readable.from(withFile(bytes, file), { objectMode: false }) : bytes,
      },
      {
        onRequestStart(controller) {
          upstream = controller;
          if (left) controller.abort(new RequestNotSentError('The client has left.'));
        },
        onResponseStart(_controller, receivedStatus, received) {
          status = receivedStatus;
          sentHeaders = { ...responseHeaders, ...responseHeadersOf(received) };
          translator = translate?.({ status, contentType: sentHeaders['content-type'] ?? '' });
          // With its length, the response would be complete before it is stored.
          if (storeResponse || translator) delete sentHeaders['content-length'];
          if (translator?.contentType) sentHeaders['content-type'] = translator.contentType;
          onBegin();
          if (response.destroyed) return;
          response.writeHead(status, sentHeaders);
          // The head of a stream does not wait for its first chunk.
          if (sentHeaders['content-length'] === undefined) response.flushHeaders();
        },
        onResponseData(controller, chunk) {
          if (send(translator ? Buffer.from(translator.push(chunk)) : chunk)) return;
          controller.pause();
          response.once('drain', resume);
        },
        onResponseEnd() {
          if (translator === undefined) return finish();
          void Promise.resolve(translator.end()).then((rest) => finish(Buffer.from(rest)), fail);
        },
        onResponseError: (_controller, error) => fail(error),
      },
    );
  });
}
