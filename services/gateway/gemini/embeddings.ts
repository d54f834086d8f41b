/** Gemini's embeddings in OpenAI's form, and back. */
import type { EmbeddingRequest } from '#libs/contracts/embeddings.ts';
import type { EmbedContentRequest } from '#libs/contracts/gemini.ts';
import { googleErrorOf } from '#libs/problems/error-formats.ts';
import type { OpenAiErrorDocument } from '#libs/problems/problems.ts';
import { refuse } from '../chat/domain/fields.ts';
import { documentTranslator } from '../metering/domain/document-translator.ts';
import type { TranslateResponse } from '../metering/domain/response-translator.ts';
import { textOf } from './request.ts';

/** @throws ProblemError `unsupported_parameter` for requests with different settings. */
export function toEmbeddingRequest(
  model: string,
  requests: readonly EmbedContentRequest[],
): EmbeddingRequest {
  const [first] = requests;
  const { taskType, outputDimensionality: dimensions } = first ?? {};
  requests.forEach((request, index) => {
    for (const name of ['taskType', 'outputDimensionality'] as const) {
      if (request[name] !== first?.[name])
        refuse(`requests.${index}.${name}`, 'all requests must have the same');
    }
  });
  return {
    model,
    input: requests.map(({ content }, index) => {
      const text = textOf(content);
      return text === '' ? refuse(`requests.${index}.content`, 'it has no text') : text;
    }),
    ...(dimensions !== undefined && { dimensions }),
    ...(taskType !== undefined && taskType !== 'TASK_TYPE_UNSPECIFIED' && { task_type: taskType }),
  };
}

type EmbeddingDocument = { data: { embedding: number[] }[] };

/** @param present the vectors in the form of the route. */
export function translateEmbeddings(
  present: (vectors: readonly { values: number[] }[]) => object,
): TranslateResponse {
  const toVectors = (document: object) =>
    present((document as EmbeddingDocument).data.map(({ embedding }) => ({ values: embedding })));
  const toError = (document: object) => googleErrorOf(document as OpenAiErrorDocument);
  return ({ status }) => documentTranslator(status < 300 ? toVectors : toError);
}
