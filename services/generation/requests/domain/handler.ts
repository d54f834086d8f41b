/** The interface of the handlers of chats, content and images, independent of the transport. */
import type { z } from 'zod';
import type { Sender } from '#libs/channel/sender.ts';
import type { AnswerHead, WorkKind } from '#libs/contracts/work.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { GenerationRequest } from './generation-request.ts';

export type HandlerInput = {
  readonly requestId: string;
  /** The client's JSON body, which the gateway has validated. */
  readonly body: unknown;
  /** The client's `Accept` header, or an empty string. */
  readonly accept: string;
  /** Records a failure after the response has begun. @returns the problem to send to the client. */
  readonly recordFailure: (error: unknown) => ProblemError;
};

export type ResponseHead = AnswerHead;

/** The response of one request. Sending to a client that has disconnected has no effect. */
export type ResponseSender = Sender<ResponseHead>;

/** Serves one request. An error that it throws becomes the response, unless the response has begun. */
export type GenerationHandler = (
  request: GenerationRequest,
  input: HandlerInput,
  response: ResponseSender,
) => Promise<void>;

export type GenerationHandlers = Record<WorkKind, GenerationHandler>;

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
