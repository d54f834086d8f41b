import { createSseParser, SseEventTooLargeError } from '#libs/http/sse-parser.ts';
import type { ChatCompletion, ChatCompletionChunk } from './domain/chat-format.ts';
import type { CallTrace, NormalisedChat, ProviderAdapter } from './domain/provider-adapter.ts';
import { ProviderError, tooLarge, unreadable } from './domain/provider-error.ts';
import { pieceOf, SIGN_OF_LIFE, type StreamPiece } from './domain/stream-piece.ts';
import { parseJson } from './json.ts';
import { checkDocument } from './read-document.ts';

/** What some bytes of a stream contain. */
export type StreamStep = {
  /** None until an event or a comment is complete. */
  pieces: readonly StreamPiece[];
  /** The stream failed after the pieces. */
  error: ProviderError | undefined;
};

/** Reads the bytes of one streamed answer. */
export type AnswerStream = {
  /** Accepts the next bytes, split anywhere. */
  readonly push: (chunk: Buffer) => StreamStep;
  /** The provider has marked the end. */
  readonly isComplete: () => boolean;
  /** The answer is complete, except for usage that may follow. */
  readonly isFinished: () => boolean;
  /** The bytes have ended. */
  readonly end: () => StreamStep;
};

const DONE = '[DONE]';
/** No event of an answer is longer. */
const MAX_EVENT_CHARACTERS = 4_194_304;
/** Before the first event or document: blanks, and a byte-order mark. */
const LEADING_BYTES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
/** `{` and `[`, with which no line of an event stream begins. */
const DOCUMENT_BYTES: ReadonlySet<number | undefined> = new Set([0x7b, 0x5b]);

/** Servers that send JSON in every event keep a connection alive with `null`, `""` or `"ping"`. */
function isHeartbeat(event: unknown): boolean {
  return event === null || typeof event === 'string';
}

/**
 * Reads server-sent events by the standard, from any vendor: comments, events without data, numbered and named events, any
 * line ending, a byte-order mark, `[DONE]` with blanks. A JSON document instead of a stream is understood too.
 *
 * Each chunk leaves as one event without a name or a number, because some clients stumble over those.
 */
export function createAnswerStream(
  adapter: ProviderAdapter,
  chat: NormalisedChat,
  trace: Pick<CallTrace, 'serviceTier' | 'providerRequestId'>,
): AnswerStream {
  const reader = adapter.createStreamReader(chat);
  let pieces: StreamPiece[] = [];
  let isAlive = false;
  let isComplete = false;
  let isEnding = false;
  let isDocument: boolean | undefined;
  /** Bytes of a document, or what came before the first event; the transport bounds them. */
  const received: Buffer[] = [];

  const parser = createSseParser(({ data }) => readData(data), {
    maxEventCharacters: MAX_EVENT_CHARACTERS,
    onComment: () => {
      isAlive = true;
    },
  });

  function readData(data: string): void {
    isAlive = true;
    const json = data.trim();
    if (isComplete || json === '') return;
    if (json === DONE) {
      reader.end();
      isComplete = true;
      return;
    }
    const event = parseJson(json);
    // the bytes ended inside this event
    if (event === undefined && isEnding) return;
    if (!isHeartbeat(event)) readEvent(event, json);
  }

  function readEvent(event: unknown, json: string): void {
    const read = reader.read(checkDocument(event, trace.providerRequestId), json);
    if (read.serviceTier) trace.serviceTier = read.serviceTier;
    pieces.push(...read.pieces);
    if (read.isEnd) isComplete = true;
  }

  function readBytes(chunk: Buffer): void {
    received.push(chunk);
    if (isDocument === undefined) {
      const first = chunk.find((byte) => !LEADING_BYTES.has(byte));
      if (first === undefined) return;
      isDocument = DOCUMENT_BYTES.has(first);
    }
    if (!isDocument) for (const bytes of received.splice(0)) parser.push(bytes);
  }

  function readEnd(): void {
    isEnding = true;
    if (!isDocument) parser.push(Buffer.from('\n\n'));
    else if (readDocument(parseJson(Buffer.concat(received).toString('utf8')))) return;
    pieces.push(...reader.finish());
  }

  /** @returns whether it is the whole answer. Gemini may send a list of events. */
  function readDocument(document: unknown): boolean {
    if (Array.isArray(document)) {
      for (const event of document) readEvent(event, JSON.stringify(event));
      return false;
    }
    const answer = adapter.readAnswer(checkDocument(document, trace.providerRequestId), chat);
    trace.serviceTier = answer.serviceTier;
    pieces.push(pieceOf(chunkOf(answer.completion), answer.units && { units: answer.units, final: true }));
    return true;
  }

  function step(read: () => void): StreamStep {
    let error: ProviderError | undefined;
    try {
      read();
    } catch (thrown) {
      error = asProviderError(thrown);
    }
    if (isAlive && pieces.length === 0) pieces.push(SIGN_OF_LIFE);
    const found = pieces;
    pieces = [];
    isAlive = false;
    return { pieces: found, error };
  }

  return {
    push: (chunk) => step(() => readBytes(chunk)),
    isComplete: () => isComplete,
    isFinished: reader.isFinished,
    end: () => step(readEnd),
  };
}

function asProviderError(thrown: unknown): ProviderError {
  if (thrown instanceof ProviderError) return thrown;
  return thrown instanceof SseEventTooLargeError ? tooLarge() : unreadable(thrown);
}

/** A complete answer as the only chunk of a stream. */
function chunkOf({ choices, ...head }: ChatCompletion): ChatCompletionChunk {
  return {
    ...head,
    object: 'chat.completion.chunk',
    choices: choices.map(({ index, message: { tool_calls: calls, ...message }, finish_reason }) => ({
      index,
      delta: { ...message, ...(calls && { tool_calls: calls.map((call, at) => ({ index: at, ...call })) }) },
      finish_reason,
    })),
  };
}
