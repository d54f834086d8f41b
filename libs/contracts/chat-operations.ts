/** The OpenAI-compatible operations. */
import { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import { chatCompletionRequest } from './chat-completions.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { CALLER_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { CHAT_EVENTS } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

const usage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

export const chatCompletion = z
  .looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int(),
        message: z.looseObject({ role: z.literal('assistant'), content: z.string().nullish() }),
        finish_reason: z.string().nullable(),
      }),
    ),
    usage: usage.optional(),
  })
  .meta({ id: 'ChatCompletion' });

/** Errors of every metered operation. */
export const METERING_PROBLEMS = [
  'invalid_request',
  'malformed_json',
  'unsupported_parameter',
  'prompt_too_large',
  ...CALLER_PROBLEMS,
  'model_not_in_plan',
  'meter_disabled',
  'idempotency_in_progress',
  'body_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
  'unpriced_model',
  'provider_refused',
  'prompt_refused',
  'limit_exceeded',
  'limit_blocked',
  'limit_held',
  'parallel_limit',
  'rate_limited',
  'internal_error',
  'provider_error',
  'provider_malformed',
  'metering_unavailable',
  'emergency_stop',
  'service_unavailable',
  'provider_timeout',
] as const satisfies ProblemCode[];

export const createChatCompletion = defineOperation({
  operationId: 'createChatCompletion',
  method: 'POST',
  takesMedia: true,
  path: '/v1/chat/completions',
  summary: 'Complete a chat with any model of the plan',
  description: [
    "OpenAI's chat completions for every provider: point an OpenAI SDK at this server and use an Inkmeter API key.",
    'The worst case of the call is held against every limit before it starts. The actual cost is in the headers',
    '`x-inkmeter-cost-usd` and `x-inkmeter-tokens`, and for streams in a comment line before `data: [DONE]`.',
    'With `fit_budget`, the output cap is lowered to the largest one that fits the limits. With `allow_degraded`, a model',
    'that the plan does not include is replaced by the nearest one below it, and `x-inkmeter-degraded` names both.',
  ].join(' '),
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'text', field: 'model' }],
  headers: idempotencyHeaders,
  body: chatCompletionRequest.meta({ id: 'ChatCompletionRequest' }),
  bodyExample: {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Name three uses of a fountain pen.' }],
    max_tokens: 200,
  },
  responses: {
    200: {
      description: 'The completion; with `stream: true`, server-sent events of chunks.',
      schema: chatCompletion,
      example: {
        id: 'chatcmpl-9f1c',
        object: 'chat.completion',
        created: 1_795_219_200,
        model: 'gpt-4o-mini',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Writing letters, sketching, and signing contracts.' },
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 14, completion_tokens: 9, total_tokens: 23 },
      },
      events: CHAT_EVENTS,
      eventStreamExample: [
        'data: {"id":"chatcmpl-9f1c","object":"chat.completion.chunk","created":1795219200,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"role":"assistant","content":"Writing"},"finish_reason":null}]}',
        'data: {"id":"chatcmpl-9f1c","object":"chat.completion.chunk","created":1795219200,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        'data: [DONE]',
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

/** A model as OpenAI and Anthropic describe it at once: each SDK reads its own fields. */
export const modelObject = z
  .looseObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    type: z.literal('model'),
    display_name: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Model' });

const modelExample = {
  id: 'gpt-4o-mini',
  object: 'model',
  created: 1_721_260_800,
  owned_by: 'openai',
  type: 'model',
  display_name: 'gpt-4o-mini',
  created_at: '2024-07-18T00:00:00.000Z',
} as const;

export const listModels = defineOperation({
  operationId: 'listModels',
  method: 'GET',
  path: '/v1/models',
  summary: 'List the models the plan includes',
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'any',
  responses: {
    200: {
      description: 'Every model that this account may call, on one page.',
      schema: z.object({
        object: z.literal('list'),
        data: z.array(modelObject),
        has_more: z.literal(false),
        first_id: z.string().nullable(),
        last_id: z.string().nullable(),
      }),
      example: {
        object: 'list',
        data: [modelExample],
        has_more: false,
        first_id: 'gpt-4o-mini',
        last_id: 'gpt-4o-mini',
      },
    },
    ...vendorProblems('openai', ...CALLER_PROBLEMS, 'rate_limited', 'internal_error', 'metering_unavailable'),
  },
});

export const getModel = defineOperation({
  operationId: 'getModel',
  method: 'GET',
  path: '/v1/models/{model}',
  summary: 'Show one model',
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'any',
  params: z.object({ model: z.string().min(1) }),
  responses: {
    200: { description: 'The model.', schema: modelObject, example: modelExample },
    ...vendorProblems(
      'openai',
      'invalid_request',
      ...CALLER_PROBLEMS,
      'unknown_model',
      'rate_limited',
      'internal_error',
      'metering_unavailable',
    ),
  },
});
