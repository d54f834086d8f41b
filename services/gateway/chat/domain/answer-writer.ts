import type { ChatCompletion, ChatCompletionChunk } from '#libs/contracts/chat-answers.ts';
import type { OpenAiErrorDocument } from '#libs/problems/problems.ts';

/** Writes one streamed answer as server-sent events. */
export type StreamWriter = {
  readonly chunk: (chunk: ChatCompletionChunk) => string;
  readonly error: (error: OpenAiErrorDocument) => string;
  /** What to send for a comment; comments are passed on unless given. */
  readonly comment?: (text: string) => string;
  /** The answer is complete, and its call is settled. */
  readonly end: () => string | Promise<string>;
};

/** Writes the answers of one wire format. Each function returns a JSON document. */
export type AnswerWriter = {
  readonly whole: (completion: ChatCompletion) => object | Promise<object>;
  readonly error: (error: OpenAiErrorDocument) => object;
  readonly stream: () => StreamWriter;
  /** The content type of streams, unless they are server-sent events. */
  readonly streamType?: string;
};
