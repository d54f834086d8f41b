import {
  type Answer,
  type Call,
  type CompatibleProvider,
  type Dialect,
  type EmbeddingOrder,
  Refusal,
} from './dialect.ts';
import { geminiDialect } from './gemini.ts';
import { imageCall } from './images.ts';
import { type JsonObject, objectOr, objectsOf, optionalInteger, optionalText, textOr } from './json.ts';
import { openAiDialect } from './openai.ts';
import { hashText } from './text.ts';

const DIMENSIONS: Readonly<Record<string, number>> = {
  'text-embedding-3-small': 1536,
  'text-embedding-3-large': 3072,
  'gemini-embedding-001': 3072,
  'mistral-embed': 1024,
};
const OTHER_DIMENSIONS = 768;
const GEMINI_INPUTS = 100;

/**
 * Embeddings as OpenAI, Mistral and Ollama write them.
 * @see https://platform.openai.com/docs/api-reference/embeddings
 */
export function embeddingsDialect(provider: CompatibleProvider): Dialect {
  return {
    ...openAiDialect(provider),
    idPrefix: 'emb_',
    read(body) {
      const request = objectOr(body);
      const model = optionalText(request.model);
      if (!model) throw new Refusal(400, 'you must provide a model parameter');
      if (provider === 'mistral' && request.dimensions !== undefined) {
        throw new Refusal(422, 'Extra inputs are not permitted: dimensions');
      }
      return embeddingCall(model, optionalText(request.user), {
        texts: readInput(request.input),
        dimensions: optionalInteger(request.dimensions, 'dimensions') ?? dimensionsOf(model),
        asBase64: request.encoding_format === 'base64',
      });
    },
    writeAnswer: (answer) => writeList(answer, orderOf(answer)),
    writeFrames: () => [],
  };
}

/** `batchEmbedContents` of Gemini. @see https://ai.google.dev/api/embeddings */
export const geminiEmbeddingsDialect: Dialect = {
  ...geminiDialect,
  read(body, { model }) {
    const requests = objectsOf(objectOr(body).requests);
    if (requests.length === 0 || requests.length > GEMINI_INPUTS) {
      throw new Refusal(400, `* BatchEmbedContentsRequest.requests: at most ${GEMINI_INPUTS} requests`);
    }
    const [first = {}] = requests;
    return embeddingCall(model, undefined, {
      texts: requests.map(({ content }) => textOfContent(objectOr(content))),
      dimensions: optionalInteger(first.outputDimensionality, 'outputDimensionality') ?? dimensionsOf(model),
      asBase64: false,
    });
  },
  writeAnswer: (answer) =>
    JSON.stringify({
      embeddings: vectorsOf(orderOf(answer)).map((vector) => ({ values: Array.from(vector) })),
      ...(answer.reportsUsage && { usageMetadata: { promptTokenCount: answer.usage.input } }),
    }),
  writeFrames: () => [],
};

function embeddingCall(model: string, endUser: string | undefined, embedding: EmbeddingOrder): Call {
  const call = imageCall({ model, user: embedding.texts.at(-1) ?? '', images: 0, endUser });
  return { ...call, prompt: { ...call.prompt, parts: embedding.texts }, embedding };
}

function orderOf({ call }: Answer): EmbeddingOrder {
  return call.embedding ?? { texts: [], dimensions: OTHER_DIMENSIONS, asBase64: false };
}

function dimensionsOf(model: string): number {
  return DIMENSIONS[model.split('#', 1)[0] ?? model] ?? OTHER_DIMENSIONS;
}

function readInput(input: unknown): string[] {
  const list = typeof input === 'string' || typeof (input as unknown[])?.[0] === 'number' ? [input] : input;
  if (!Array.isArray(list) || list.length === 0) {
    throw new Refusal(400, "'$.input' is invalid.", { param: 'input' });
  }
  return list.map((one) => (Array.isArray(one) ? one.join(' ') : textOr(one)));
}

function textOfContent({ parts }: JsonObject): string {
  return objectsOf(parts)
    .map(({ text }) => textOr(text))
    .join('\n');
}

function writeList({ model, usage, reportsUsage }: Answer, order: EmbeddingOrder): string {
  const data = vectorsOf(order).map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: order.asBase64 ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector),
  }));
  const tokens = { prompt_tokens: usage.input, total_tokens: usage.input };
  return JSON.stringify({ object: 'list', data, model, ...(reportsUsage && { usage: tokens }) });
}

function vectorsOf({ texts, dimensions }: EmbeddingOrder): Float32Array<ArrayBuffer>[] {
  return texts.map((text) => vectorOf(text, dimensions));
}

const PLACES_PER_WORD = 8;

/** A unit vector in which each word has places of its own, so that texts with the same words are near to each other. */
function vectorOf(text: string, dimensions: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(dimensions);
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text];
  for (const word of words) {
    for (let place = 0; place < PLACES_PER_WORD; place += 1) {
      const hash = hashText(`${place}:${word}`) >>> 0;
      const at = hash % dimensions;
      vector[at] = (vector[at] ?? 0) + (hash & 0x8000 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
