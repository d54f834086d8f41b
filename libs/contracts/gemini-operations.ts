/** The Gemini-compatible operations. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import {
  batchEmbedContentsRequest,
  countContentTokensRequest,
  embedContentRequest,
  geminiModel,
  generateContentRequest,
  generateContentResponse,
} from './gemini.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation, type Operation } from './operation.ts';
import { CALLER_PROBLEMS, TOKEN_COUNT_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { documentEvents } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

const shared = {
  tags: ['Gemini-compatible'],
  auth: 'user',
  scope: 'generate',
} as const;

const params = z.object({
  model: z
    .string()
    .min(1)
    .max(200)
    .describe('A model of the plan, of any provider; `auto` is its default.')
    .meta({ examples: ['gemini-2.5-flash'] }),
});

const METERED_PROBLEMS = [
  ...METERING_PROBLEMS,
  'unknown_model',
  'feature_not_in_plan',
  'payment_required',
] as const;

const contents = [{ role: 'user', parts: [{ text: 'Name three uses of a fountain pen.' }] }];
const answer = {
  candidates: [
    {
      content: { role: 'model', parts: [{ text: 'Writing letters, sketching, and signing contracts.' }] },
      finishReason: 'STOP',
      index: 0,
    },
  ],
  usageMetadata: { promptTokenCount: 14, candidatesTokenCount: 9, totalTokenCount: 23 },
  modelVersion: 'gemini-2.5-flash',
  responseId: '9f1c',
};

const chat = {
  ...shared,
  method: 'POST',
  takesMedia: true,
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'text', field: 'model' }],
  params,
  headers: idempotencyHeaders,
  body: generateContentRequest,
  bodyExample: { contents },
} as const satisfies Partial<Operation>;

export const generateContentOfModel = defineOperation({
  ...chat,
  operationId: 'generateContentOfModel',
  path: '/v1beta/models/{model}:generateContent',
  summary: 'Answer contents with any model of the plan',
  description: [
    "Gemini's `generateContent` for every provider: point a Google SDK at this server and use an Inkmeter API key in",
    '`x-goog-api-key`, or in `?key=`, which is not logged. Requests are metered as those of',
    '`POST /v1/chat/completions` are. Functions are called; tools that Google runs, cached contents and files are refused.',
    'The methods of a model are also served under `/v1`.',
  ].join(' '),
  responses: {
    200: { description: 'The candidates.', schema: generateContentResponse, example: answer },
    ...vendorProblems('google', ...METERED_PROBLEMS, 'url_not_read'),
  },
});

export const streamGenerateContent = defineOperation({
  ...chat,
  operationId: 'streamGenerateContent',
  path: '/v1beta/models/{model}:streamGenerateContent',
  summary: 'Answer contents in a stream',
  description:
    'With `alt=sse`, server-sent events; otherwise a JSON array that is written as it grows. The last response has the usage, and the cost in `inkmeter`.',
  querystring: z.object({ alt: z.enum(['sse', 'json']).default('json') }),
  responses: {
    200: {
      description: 'The pieces of the answer.',
      schema: z.array(generateContentResponse),
      example: [answer],
      events: documentEvents(generateContentResponse),
      eventStreamExample: `data: ${JSON.stringify(answer)}\n\n`,
    },
    ...vendorProblems('google', ...METERED_PROBLEMS, 'url_not_read'),
  },
});

export const countContentTokens = defineOperation({
  ...shared,
  operationId: 'countContentTokens',
  method: 'POST',
  takesMedia: true,
  path: '/v1beta/models/{model}:countTokens',
  summary: 'Estimate the tokens of contents',
  description:
    'An estimate that costs nothing and calls no provider. It is close for models whose tokenizer is public, and rather high for others.',
  params,
  body: countContentTokensRequest,
  bodyExample: { contents },
  responses: {
    200: {
      description: 'The estimate.',
      schema: z.looseObject({ totalTokens: z.int() }).meta({ id: 'ContentTokens' }),
      example: { totalTokens: 34 },
    },
    ...vendorProblems('google', ...TOKEN_COUNT_PROBLEMS),
  },
});

const embedding = {
  ...shared,
  method: 'POST',
  takesMedia: true,
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'embedding', field: 'model' }],
  params,
  headers: idempotencyHeaders,
} as const satisfies Partial<Operation>;

const vector = z.looseObject({ values: z.array(z.number()) });
const content = { parts: [{ text: 'Ink is wet.' }] };

export const embedContent = defineOperation({
  ...embedding,
  operationId: 'embedContent',
  path: '/v1beta/models/{model}:embedContent',
  summary: 'Turn a content into a vector',
  description: 'The texts of its parts are joined. Metered as `POST /v1/embeddings` is.',
  body: embedContentRequest,
  bodyExample: { content, taskType: 'RETRIEVAL_DOCUMENT' },
  responses: {
    200: {
      description: 'The vector.',
      schema: z.looseObject({ embedding: vector }).meta({ id: 'ContentEmbedding' }),
      example: { embedding: { values: [0.0023, -0.0093, 0.0157] } },
    },
    ...vendorProblems('google', ...METERED_PROBLEMS),
  },
});

export const batchEmbedContents = defineOperation({
  ...embedding,
  operationId: 'batchEmbedContents',
  path: '/v1beta/models/{model}:batchEmbedContents',
  summary: 'Turn several contents into vectors',
  description: 'All requests must have the same task and dimensionality.',
  body: batchEmbedContentsRequest,
  bodyExample: { requests: [{ content }] },
  responses: {
    200: {
      description: 'The vectors, in the order of the requests.',
      schema: z.looseObject({ embeddings: z.array(vector) }).meta({ id: 'ContentEmbeddings' }),
      example: { embeddings: [{ values: [0.0023, -0.0093, 0.0157] }] },
    },
    ...vendorProblems('google', ...METERED_PROBLEMS),
  },
});

const modelExample = {
  name: 'models/gemini-2.5-flash',
  version: 'gemini-2.5-flash',
  displayName: 'gemini-2.5-flash',
  inputTokenLimit: 1_048_576,
  outputTokenLimit: 65_536,
  supportedGenerationMethods: ['generateContent', 'countTokens'],
};

export const getGeminiModel = defineOperation({
  ...shared,
  scope: 'any',
  operationId: 'getGeminiModel',
  method: 'GET',
  path: '/v1beta/models/{model}',
  summary: 'Show one model, in the format of Gemini',
  params,
  responses: {
    200: { description: 'The model.', schema: geminiModel, example: modelExample },
    ...vendorProblems(
      'google',
      'invalid_request',
      ...CALLER_PROBLEMS,
      'unknown_model',
      'rate_limited',
      'internal_error',
      'metering_unavailable',
    ),
  },
});

export const listGeminiModels = defineOperation({
  ...shared,
  scope: 'any',
  operationId: 'listGeminiModels',
  method: 'GET',
  path: '/v1beta/models',
  summary: 'List the models the plan includes, in the format of Gemini',
  responses: {
    200: {
      description: 'Every text and embedding model that this account may call, on one page.',
      schema: z.object({ models: z.array(geminiModel) }).meta({ id: 'GeminiModels' }),
      example: { models: [modelExample] },
    },
    ...vendorProblems('google', ...CALLER_PROBLEMS, 'rate_limited', 'internal_error', 'metering_unavailable'),
  },
});
