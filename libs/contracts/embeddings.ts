/** OpenAI's embeddings for every provider (https://platform.openai.com/docs/api-reference/embeddings/create). */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { vendorProblems } from './vendor-problems.ts';

/** Most inputs of one request, as at OpenAI. */
export const MAX_EMBEDDING_INPUTS = 2_048;
/** More tokens than any model takes for one input. */
const MAX_INPUT_TOKENS = 100_000;

/** https://ai.google.dev/api/embeddings#v1beta.TaskType */
export const EMBEDDING_TASKS = [
  'RETRIEVAL_QUERY',
  'RETRIEVAL_DOCUMENT',
  'SEMANTIC_SIMILARITY',
  'CLASSIFICATION',
  'CLUSTERING',
  'QUESTION_ANSWERING',
  'FACT_VERIFICATION',
  'CODE_RETRIEVAL_QUERY',
] as const;

const text = z.string().min(1);
const tokens = z.array(z.int().min(0)).min(1).max(MAX_INPUT_TOKENS);
const list = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(MAX_EMBEDDING_INPUTS);

export const embeddingRequest = z
  .strictObject({
    model: z.string().min(1).max(200),
    input: z
      .union([text, list(text), tokens, list(tokens)], {
        error: `must be a text, token ids, or a list of at most ${MAX_EMBEDDING_INPUTS} of either, none of them empty`,
      })
      .describe('A text, token ids, or a list of either. Only models of OpenAI take token ids.'),
    encoding_format: z.enum(['float', 'base64']).nullish(),
    dimensions: z
      .int()
      .min(1)
      .max(65_536)
      .nullish()
      .describe('Length of the vectors, for models that can shorten them.'),
    user: z.string().max(512).nullish(),
    task_type: z
      .enum(EMBEDDING_TASKS)
      .nullish()
      .describe('An extension: what the vectors are for. Only models of Gemini read it.'),
  })
  .meta({ id: 'EmbeddingRequest' });
export type EmbeddingRequest = z.output<typeof embeddingRequest>;

export const embeddingList = z
  .looseObject({
    object: z.literal('list'),
    data: z.array(
      z.looseObject({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z
          .union([z.array(z.number()), z.string()])
          .describe('Numbers, or with `encoding_format: base64` their 32-bit little-endian form in Base64.'),
      }),
    ),
    model: z.string(),
    usage: z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: 'EmbeddingList' });

export const createEmbeddings = defineOperation({
  operationId: 'createEmbeddings',
  method: 'POST',
  takesMedia: true,
  path: '/v1/embeddings',
  summary: 'Turn texts into vectors with any embedding model of the plan',
  description: [
    "OpenAI's embeddings for every provider that has them. The worst case is held before the call, from the bytes of the",
    'texts or their counted tokens. Parameters that the model cannot take are refused, because vectors with other settings',
    'cannot be compared.',
  ].join(' '),
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'embedding', field: 'model' }],
  headers: idempotencyHeaders,
  body: embeddingRequest,
  bodyExample: { model: 'text-embedding-3-small', input: ['Ink is wet.', 'Water is wet.'] },
  responses: {
    200: {
      description: 'One vector for each input, in their order.',
      schema: embeddingList,
      example: {
        object: 'list',
        data: [
          { object: 'embedding', index: 0, embedding: [0.0023, -0.0093, 0.0157] },
          { object: 'embedding', index: 1, embedding: [0.0021, -0.0085, 0.0162] },
        ],
        model: 'text-embedding-3-small',
        usage: { prompt_tokens: 8, total_tokens: 8 },
      },
    },
    ...vendorProblems(
      'openai',
      ...METERING_PROBLEMS,
      'unknown_model',
      'feature_not_in_plan',
      'payment_required',
    ),
  },
});
