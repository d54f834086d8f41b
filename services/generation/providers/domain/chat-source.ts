import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion } from './chat-format.ts';
import type { CallContext, NormalisedChat } from './provider-adapter.ts';
import type { StreamPiece } from './stream-piece.ts';

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
   * Passes pieces to `onPiece` as they arrive. A piece without bytes and text only says that the provider is working.
   * Resolves when the answer is complete.
   * @throws ProviderError
   */
  readonly chatStream: (chat: NormalisedChat, context: CallContext, onPiece: PieceReader) => Promise<void>;
};
