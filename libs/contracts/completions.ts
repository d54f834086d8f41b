/** OpenAI's legacy completions, as chats (https://platform.openai.com/docs/api-reference/completions/create). */
import { z } from 'zod';
import { chatCompletionRequest } from './chat-completions.ts';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { COMPLETION_EVENTS } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

/** OpenAI's default, which old clients rely on. */
const DEFAULT_MAX_TOKENS = 16;

const { shape: chat } = chatCompletionRequest;

export const completionRequest = z
  .strictObject({
    model: chat.model,
    prompt: z
      .union([z.string().min(1), z.array(z.string().min(1)).length(1)], {
        error: 'must be one text; send a request for each prompt, and texts instead of token ids',
      })
      .describe('One text, alone or in a list.'),
    max_tokens: z
      .int()
      .min(1)
      .nullish()
      .transform((tokens) => tokens ?? DEFAULT_MAX_TOKENS)
      .describe(`${DEFAULT_MAX_TOKENS} unless given, as at OpenAI.`),
    stream: chat.stream,
    stream_options: chat.stream_options,
    n: chat.n,
    temperature: chat.temperature,
    top_p: chat.top_p,
    frequency_penalty: chat.frequency_penalty,
    presence_penalty: chat.presence_penalty,
    stop: chat.stop,
    seed: chat.seed,
    logit_bias: chat.logit_bias,
    user: chat.user,
    fit_budget: chat.fit_budget,
    allow_degraded: chat.allow_degraded,
  })
  .meta({ id: 'CompletionRequest' });
export type CompletionRequest = z.output<typeof completionRequest>;

export const completion = z
  .looseObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int(),
        text: z.string(),
        logprobs: z.null(),
        finish_reason: z.string().nullable(),
      }),
    ),
    usage: z
      .looseObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() })
      .optional(),
  })
  .meta({ id: 'Completion' });

export const createCompletion = defineOperation({
  operationId: 'createCompletion',
  method: 'POST',
  takesMedia: true,
  path: '/v1/completions',
  summary: 'Complete a text with any model of the plan (legacy)',
  description: [
    "OpenAI's legacy completions, for clients that have no other: the prompt is sent as the message of a user. `suffix`,",
    '`echo`, `best_of`, `logprobs`, token ids and several prompts are refused. New clients use',
    '`POST /v1/chat/completions`.',
  ].join(' '),
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'text', field: 'model' }],
  headers: idempotencyHeaders,
  body: completionRequest,
  bodyExample: { model: 'gpt-4o-mini', prompt: 'Three uses of a fountain pen:', max_tokens: 200 },
  responses: {
    200: {
      description: 'The completion; with `stream: true`, server-sent events of its pieces.',
      schema: completion,
      example: {
        id: 'cmpl-9f1c',
        object: 'text_completion',
        created: 1_795_219_200,
        model: 'gpt-4o-mini',
        choices: [
          {
            index: 0,
            text: 'Writing letters, sketching, and signing contracts.',
            logprobs: null,
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 14, completion_tokens: 9, total_tokens: 23 },
      },
      events: COMPLETION_EVENTS,
      eventStreamExample: [
        'data: {"id":"cmpl-9f1c","object":"text_completion","created":1795219200,"model":"gpt-4o-mini","choices":[{"index":0,"text":"Writing","logprobs":null,"finish_reason":null}]}',
        'data: {"id":"cmpl-9f1c","object":"text_completion","created":1795219200,"model":"gpt-4o-mini","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}]}',
        'data: [DONE]',
        '',
      ].join('\n\n'),
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
