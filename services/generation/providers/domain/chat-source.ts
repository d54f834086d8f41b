import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion } from './chat-format.ts';
import type { CallContext, NormalisedChat, ProviderAdapter } from './provider-adapter.ts';
import { chunkEvent, type StreamPiece, writtenReasoning, writtenText } from './stream-piece.ts';

/** An answer as bytes for the client, beside what they mean. */
export type WholeAnswer = {
  readonly bytes: Buffer;
  readonly completion: ChatCompletion;
  readonly units: Units | undefined;
};

/** Takes a piece of a stream; may return a promise to be left alone until it resolves. */
export type PieceReader = (piece: StreamPiece) => Promise<void> | undefined;

/** Where chats are answered in OpenAI's format, whatever the provider speaks. */
export type ChatSource = {
  /** @throws ProviderError */
  readonly chat: (chat: NormalisedChat, context: CallContext) => Promise<WholeAnswer>;
  /**
   * Hands over pieces as they arrive. Resolves when the answer is complete.
   * @throws ProviderError
   */
  readonly chatStream: (chat: NormalisedChat, context: CallContext, onPiece: PieceReader) => Promise<void>;
};

/** Writes an adapter's answers down as OpenAI would. */
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
