/** OpenAI's responses: the successor of its chat completions. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { CALLER_PROBLEMS, TOKEN_COUNT_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { modelResponse, responsesRequest } from './responses.ts';
import { RESPONSE_EVENTS } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

const tags = ['OpenAI-compatible'];

const example = {
  id: 'resp_019e3f5e6f2a7c319d528a4f0b6c1d2e',
  object: 'response',
  created_at: 1_795_219_200,
  status: 'completed',
  model: 'gpt-4o-mini',
  output: [
    {
      type: 'message',
      id: 'msg_019e3f5e6f2a7c319d528a4f0b6c1d2e_0',
      role: 'assistant',
      status: 'completed',
      content: [
        {
          type: 'output_text',
          text: 'Writing letters, sketching, and signing contracts.',
          annotations: [],
          logprobs: [],
        },
      ],
    },
  ],
  previous_response_id: null,
  store: true,
  usage: {
    input_tokens: 14,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 23,
  },
};

export const createResponse = defineOperation({
  operationId: 'createResponse',
  method: 'POST',
  takesMedia: true,
  path: '/v1/responses',
  summary: 'Create a response with any model of the plan',
  description: [
    "OpenAI's responses for every provider, with function tools and structured output. Requests are metered as those of",
    '`POST /v1/chat/completions` are. Unless `store` is false, the response is stored for 30 days, and a later request',
    'continues its conversation with `previous_response_id`.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'text', field: 'model' }],
  headers: idempotencyHeaders,
  body: responsesRequest,
  bodyExample: { model: 'gpt-4o-mini', input: 'Name three uses of a fountain pen.' },
  responses: {
    200: {
      description: "The response; with `stream: true`, server-sent events in OpenAI's form.",
      schema: modelResponse,
      example,
      events: RESPONSE_EVENTS,
      eventStreamExample: [
        'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_019e3f5e","object":"response","status":"in_progress","output":[]}}',
        'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_019e3f5e_0","output_index":0,"content_index":0,"delta":"Writing","logprobs":[]}',
        'event: response.completed\ndata: {"type":"response.completed","sequence_number":8,"response":{"id":"resp_019e3f5e","object":"response","status":"completed","output":[]}}',
        '',
      ].join('\n\n'),
    },
    ...vendorProblems(
      'openai',
      ...METERING_PROBLEMS,
      'url_not_read',
      'unknown_model',
      'feature_not_in_plan',
      'payment_required',
    ),
  },
});

export const countResponseTokens = defineOperation({
  operationId: 'countResponseTokens',
  method: 'POST',
  takesMedia: true,
  path: '/v1/responses/input_tokens',
  summary: 'Estimate the input tokens of a response',
  description:
    'An estimate that costs nothing and calls no provider. It is close for models whose tokenizer is public, and rather high for others.',
  tags,
  auth: 'user',
  scope: 'generate',
  body: responsesRequest,
  bodyExample: { model: 'gpt-4o-mini', input: 'Name three uses of a fountain pen.' },
  responses: {
    200: {
      description: 'The estimate.',
      schema: z
        .object({ object: z.literal('response.input_tokens'), input_tokens: z.int() })
        .meta({ id: 'ResponseTokens' }),
      example: { object: 'response.input_tokens', input_tokens: 14 },
    },
    ...vendorProblems('openai', ...TOKEN_COUNT_PROBLEMS),
  },
});

const READING_PROBLEMS = [
  'invalid_request',
  ...CALLER_PROBLEMS,
  'not_found',
  'rate_limited',
  'internal_error',
  'service_unavailable',
] as const;

const params = z.object({ response_id: z.string().min(1).max(200) });

export const getResponse = defineOperation({
  operationId: 'getResponse',
  method: 'GET',
  path: '/v1/responses/{response_id}',
  summary: 'Show a stored response',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: {
    200: { description: 'The response.', schema: modelResponse, example },
    ...vendorProblems('openai', ...READING_PROBLEMS),
  },
});

export const listInputItems = defineOperation({
  operationId: 'listInputItems',
  method: 'GET',
  path: '/v1/responses/{response_id}/input_items',
  summary: 'List the input of a stored response',
  description:
    'Everything that the model read but instructions: the items of earlier responses, then those of the request.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  querystring: z.object({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    order: z.enum(['asc', 'desc']).default('desc'),
    after: z.string().max(200).optional().describe('The id of an item; the list begins after it.'),
  }),
  responses: {
    200: {
      description: 'The items, the newest first unless `order` says otherwise.',
      schema: z
        .object({
          object: z.literal('list'),
          data: z.array(z.looseObject({ type: z.string(), id: z.string() })),
          first_id: z.string().nullable(),
          last_id: z.string().nullable(),
          has_more: z.boolean(),
        })
        .meta({ id: 'InputItems' }),
      example: {
        object: 'list',
        data: [
          {
            type: 'message',
            id: 'in_019e3f5e6f2a7c319d528a4f0b6c1d2e_0',
            role: 'user',
            status: 'completed',
            content: [{ type: 'input_text', text: 'Name three uses of a fountain pen.' }],
          },
        ],
        first_id: 'in_019e3f5e6f2a7c319d528a4f0b6c1d2e_0',
        last_id: 'in_019e3f5e6f2a7c319d528a4f0b6c1d2e_0',
        has_more: false,
      },
    },
    ...vendorProblems('openai', ...READING_PROBLEMS),
  },
});

export const deleteResponse = defineOperation({
  operationId: 'deleteResponse',
  method: 'DELETE',
  path: '/v1/responses/{response_id}',
  summary: 'Delete a stored response',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: {
    200: {
      description: 'Deleted.',
      schema: z
        .object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) })
        .meta({ id: 'DeletedResponse' }),
      example: { id: example.id, object: 'response', deleted: true },
    },
    ...vendorProblems(
      'openai',
      ...READING_PROBLEMS,
      'malformed_json',
      'body_too_large',
      'unsupported_media_type',
    ),
  },
});
