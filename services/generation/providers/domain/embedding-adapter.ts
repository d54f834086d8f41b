/** The interface to embedding models. An adapter makes one call through its vendor's API; it never retries and never logs. */
import type { EmbeddingRequest } from '#libs/contracts/embeddings.ts';
import type { EmbeddingInput } from '#libs/pipelines/embedding.ts';
import type { CallContext } from './provider-adapter.ts';

export type EmbeddingOrder = {
  inputs: readonly EmbeddingInput[];
  /** The provider's name for the model. */
  upstreamModel: string;
} & Pick<EmbeddingRequest, 'dimensions' | 'user' | 'task_type'>;

/** As the vendor sends it: plain numbers, or 32-bit ones. */
export type Vector = readonly number[] | Float32Array;

/** A vector for each input, in their order. */
export type Embedded = {
  vectors: readonly Vector[];
  /** Undefined if the provider reported no usage: unknown is not free. */
  promptTokens: number | undefined;
  /** Size of the provider's answer. */
  bytes: number;
};

export type EmbeddingAdapter = {
  /** @throws ProviderError */
  readonly embed: (order: EmbeddingOrder, context: CallContext) => Promise<Embedded>;
};
