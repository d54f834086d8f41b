import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion } from './chat-format.ts';
import type { CallContext, NormalisedChat, ProviderAdapter } from './provider-adapter.ts';
import { chunkEvent, type StreamPiece, writtenReasoning, writtenText } from './stream-piece.ts';

/** A complete answer: its bytes for the client, and their meaning. */
export type WholeAnswer = {
  readonly bytes: Buffer;
  readonly completion: ChatCompletion;
  readonly units: Units | undefined;
};

/** Receives a piece of a stream. A returned promise pauses the stream until it resolves. */
export type PieceReader = (piece: StreamPiece) => Promise<void> | undefined;

/** Answers chats in OpenAI's format, for every provider. */
export type ChatSource = {
  /** @throws ProviderError */
  readonly chat: (chat: NormalisedChat, context: CallContext) => Promise<WholeAnswer>;
  /**
   * Passes pieces to `onPiece` as they arrive. Resolves when the answer is complete.
   * @throws ProviderError
   */
  readonly chatStream: (chat: NormalisedChat, context: CallContext, onPiece: PieceReader) => Promise<void>;
};

/** A source that serialises an adapter's answers in OpenAI's format. */
export function sourceOfAdapter(adapter: ProviderAdapter): ChatSource {
  return {
    async chat(chat, context) {
      const { completion, units } = await adapter.chat(chat, context);
      return { bytes: Buffer.from(JSON.stringify(completion), 'utf8'), completion, units };
    },
    async chatStream(chat, context, onPiece) {
      for await (const { chunk, usage } of adapter.chatStream(chat, context)) {
        const event = chunk && chunkEvent(chunk);
        const isUsageAlone = chunk?.choices.length === 0;
        await onPiece({
          bytes: event === undefined || isUsageAlone ? null : event,
          text: chunk ? writtenText(chunk) : '',
          reasoning: chunk ? writtenReasoning(chunk) : '',
          ...(usage && { usage }),
          ...(event !== undefined && isUsageAlone && { usageEvent: event }),
        });
      }
    },
  };
}
