import type { Dispatcher } from 'undici';
import type { EmbeddingAdapter, EmbeddingOrder } from '../domain/embedding-adapter.ts';
import { unsupported } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { fieldsOf, objectsIn } from '../json.ts';
import { fetchDocument } from '../read-document.ts';
import { readCount } from '../token-count.ts';
import { checkVectors, MAX_VECTOR_BYTES } from '../vectors.ts';

/** @see https://ai.google.dev/api/embeddings#method:-models.batchembedcontents */
export function createGeminiEmbeddingAdapter(endpoint: Endpoint, dispatcher: Dispatcher): EmbeddingAdapter {
  return {
    async embed(order, context) {
      const model = `models/${order.upstreamModel}`;
      const sent = {
        path: `/v1beta/models/${encodeURIComponent(order.upstreamModel)}:batchEmbedContents`,
        body: JSON.stringify({ requests: order.inputs.map((input) => requestOf(order, model, input)) }),
      };
      const maxBytes = MAX_VECTOR_BYTES * (order.inputs.length + 1);
      const request = postTo(endpoint, sent, context);
      const { document, bytes } = await fetchDocument(dispatcher, request, context, maxBytes);
      const vectors = checkVectors(
        objectsIn(document.embeddings).map(({ values }) => values),
        order.inputs.length,
      );
      // Gemini reports usage for some models only.
      const promptTokens = readCount(fieldsOf(document.usageMetadata).promptTokenCount);
      return { vectors, promptTokens, bytes: bytes.length };
    },
  };
}

/** @throws ProviderError `unsupported` for token ids, which are of OpenAI's models. */
function requestOf(
  { dimensions, task_type: task }: EmbeddingOrder,
  model: string,
  input: EmbeddingOrder['inputs'][number],
): object {
  if (typeof input !== 'string') throw unsupported('input', 'it takes texts, not token ids');
  return {
    model,
    content: { parts: [{ text: input }] },
    ...(dimensions && { outputDimensionality: dimensions }),
    ...(task && { taskType: task }),
  };
}
