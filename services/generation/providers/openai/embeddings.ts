import type { Dispatcher } from 'undici';
import type { EmbeddingAdapter, EmbeddingOrder } from '../domain/embedding-adapter.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { fieldsOf, objectsIn } from '../json.ts';
import { fetchDocument } from '../read-document.ts';
import { readCount } from '../token-count.ts';
import { checkVectors, MAX_VECTOR_BYTES } from '../vectors.ts';

/** How the embedding APIs in OpenAI's format differ. */
export type EmbeddingVendor = {
  /** Base64 is a quarter of the size of numbers in JSON. Mistral and older servers refuse the parameter. */
  readonly encodesBase64: boolean;
  /** Mistral refuses `user`. */
  readonly takesUser: boolean;
};

/** OpenAI and every provider with a compatible embeddings API. */
export function createOpenAiEmbeddingAdapter(
  vendor: EmbeddingVendor,
  endpoint: Endpoint,
  dispatcher: Dispatcher,
): EmbeddingAdapter {
  return {
    async embed(order, context) {
      const body = JSON.stringify(bodyOf(order, vendor));
      const request = postTo(endpoint, { path: '/embeddings', body }, context);
      const maxBytes = MAX_VECTOR_BYTES * (order.inputs.length + 1);
      const { document, bytes } = await fetchDocument(dispatcher, request, context, maxBytes);
      const data = objectsIn(document.data).toSorted((one, other) => indexOf(one) - indexOf(other));
      const vectors = checkVectors(
        data.map(({ embedding }) => embedding),
        order.inputs.length,
      );
      const promptTokens = readCount(fieldsOf(document.usage).prompt_tokens);
      return { vectors, promptTokens, bytes: bytes.length };
    },
  };
}

/** @see https://platform.openai.com/docs/api-reference/embeddings/create */
function bodyOf(
  { inputs, upstreamModel, dimensions, user }: EmbeddingOrder,
  { encodesBase64, takesUser }: EmbeddingVendor,
): object {
  return {
    model: upstreamModel,
    input: inputs,
    ...(encodesBase64 && { encoding_format: 'base64' }),
    ...(dimensions && { dimensions }),
    ...(user && takesUser && { user }),
  };
}

function indexOf({ index }: { index?: unknown }): number {
  return typeof index === 'number' ? index : 0;
}
