/** The interface of the handlers of chats, content and images, independent of the transport. */
import type { z } from 'zod';
import type { FileSource } from '#libs/contracts/file-source.ts';
import type { RequestKind, ResponseHead } from '#libs/contracts/generation-requests.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { GenerationRequest } from './generation-request.ts';

export type HandlerInput = {
  readonly requestId: string;
  /** The client's JSON body, which the gateway has validated. */
  readonly body: unknown;
  /** The file that the client sent with it. */
  readonly file: FileSource | null;
  /** The client's `Accept` header, or an empty string. */
  readonly accept: string;
  /** Records a failure after the response has begun. @returns the problem to send to the client. */
  readonly recordFailure: (error: unknown) => ProblemError;
};

/**
 * The response of one request: either `whole`, or `begin`, any number of `write`, and `end`. Sending to a client that has
 * disconnected has no effect.
 */
export type ResponseSender = {
  readonly whole: (head: ResponseHead, body: Buffer) => void;
  /** Sends status and headers at once. */
  readonly begin: (head: ResponseHead) => void;
  /** The promise, if there is one, resolves when the client has caught up or disconnected. */
  readonly write: (bytes: Buffer) => Promise<void> | undefined;
  readonly end: () => void;
  /** Closes the connection: a truncated response must not look complete. */
  readonly cancel: () => void;
  /** The head that was sent. */
  readonly head: () => ResponseHead | undefined;
  readonly hasEnded: () => boolean;
  readonly isGone: () => boolean;
  /** Calls back if the client disconnects before it has everything; at once if it has disconnected. */
  readonly onGone: (listener: () => void) => void;
};

/** Serves one request. An error that it throws becomes the response, unless the response has begun. */
export type GenerationHandler = (
  request: GenerationRequest,
  input: HandlerInput,
  response: ResponseSender,
) => Promise<void>;

/** Content is served as jobs. */
export type HandledKind = Exclude<RequestKind, 'generate' | 'job'>;

export type GenerationHandlers = Record<HandledKind, GenerationHandler>;

/** @throws ProblemError `invalid_request`, naming the first invalid field. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  const param = issue?.path.join('.') ?? '';
  throw problem('invalid_request', { detail: `${param}: ${issue?.message}`, fields: { param } });
}

/** Sends a response of known length. */
export function sendWhole(response: ResponseSender, { status, headers }: ResponseHead, body: Buffer): void {
  response.whole({ status, headers: { ...headers, 'content-length': String(body.length) } }, body);
}
