import type { Dispatcher } from 'undici';
import { createAnswerStream, type StreamStep } from './answer-stream.ts';
import type { ChatSource, PieceReader } from './domain/chat-source.ts';
import type { NormalisedChat, ProviderAdapter } from './domain/provider-adapter.ts';
import { ProviderError, unreadable } from './domain/provider-error.ts';
import { type Endpoint, postTo } from './endpoint.ts';
import { exchange } from './exchange.ts';
import { fetchDocument } from './read-document.ts';
import { startTimeLimit } from './time-limit.ts';

/** The bytes of a stream: an event for every token, which is long with log probabilities. */
const MIN_STREAM_BYTES = 8_388_608;
const BYTES_PER_TOKEN = 4_096;
/** Usage and the end follow the last choice at once. */
const END_TIMEOUT_MS = 5_000;

/**
 * The transport of all chats. Every ending of a call closes its socket, because no vendor's SDK is involved, and every
 * answer is bounded in bytes and in time.
 */
export function createChatSource(options: {
  adapter: ProviderAdapter;
  endpoint: Endpoint;
  dispatcher: Dispatcher;
}): ChatSource {
  const { adapter, endpoint, dispatcher } = options;
  return {
    async chat(chat, context) {
      const { path, body } = adapter.toRequest(chat, false);
      const request = postTo(endpoint, { path, body: JSON.stringify(body) }, context);
      const { document, bytes } = await fetchDocument(dispatcher, request, context);
      const { completion, units, serviceTier, isVerbatim } = readAnswer(adapter, document, chat);
      context.trace.serviceTier = serviceTier;
      return { bytes: isVerbatim ? bytes : Buffer.from(JSON.stringify(completion)), completion, units };
    },

    async chatStream(chat, context, onPiece) {
      const { path, body } = adapter.toRequest(chat, true);
      const sent = { path, body: JSON.stringify(body), accept: 'text/event-stream' };
      const request = postTo(endpoint, sent, context);
      const stream = createAnswerStream(adapter, chat, context.trace);
      const limit = startTimeLimit(context.signal, context);
      let hasBegun = false;
      let expectsEnd = false;
      const onData = (chunk: Buffer) => {
        const step = stream.push(chunk);
        // an empty chunk begins an answer, but does not continue it
        if (step.pieces.some(({ bytes, text, reasoning }) => text || reasoning || (bytes && !hasBegun))) {
          hasBegun = true;
          limit.progressed();
        }
        // another choice may begin after one is finished
        if (!expectsEnd && chat.choices === 1 && stream.isFinished()) {
          expectsEnd = true;
          limit.expectEnd(END_TIMEOUT_MS);
        }
        return deliver(step, onPiece);
      };
      const maxBytes = MIN_STREAM_BYTES + chat.outputTokens * chat.choices * BYTES_PER_TOKEN;
      try {
        await exchange(dispatcher, request, limit, context.trace, {
          onHead: context.onAccepted,
          onData,
          isComplete: stream.isComplete,
          maxBytes,
        });
      } catch (error) {
        if (!stream.isFinished() || !isLostEnd(error)) throw error;
      } finally {
        limit.release();
      }
      await deliver(stream.end(), onPiece);
    },
  };
}

/** @throws ProviderError of the step, after its pieces were delivered. */
function deliver({ pieces, error }: StreamStep, onPiece: PieceReader): Promise<void> | undefined {
  const waits = pieces.map(onPiece).filter((wait) => wait !== undefined);
  if (error) throw error;
  return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
}

function readAnswer(adapter: ProviderAdapter, document: object, chat: NormalisedChat) {
  try {
    return adapter.readAnswer(document, chat);
  } catch (error) {
    throw error instanceof ProviderError ? error : unreadable(error);
  }
}

/** The connection broke, or fell silent, after the answer was complete. */
function isLostEnd(error: unknown): boolean {
  return error instanceof ProviderError && (error.kind === 'broken' || error.kind === 'timeout');
}
