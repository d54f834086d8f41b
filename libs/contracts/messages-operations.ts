/** The Anthropic-compatible operations. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { countTokensRequest, message200, messagesRequest } from './messages.ts';
import { defineOperation } from './operation.ts';
import { TOKEN_COUNT_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { MESSAGE_EVENTS } from './stream-events.ts';
import { vendorProblems } from './vendor-problems.ts';

const tags = ['Anthropic-compatible'];

export const createMessage = defineOperation({
  operationId: 'createMessage',
  method: 'POST',
  takesMedia: true,
  path: '/v1/messages',
  summary: 'Create a message with any model of the plan',
  description: [
    "Anthropic's messages for every provider: point an Anthropic SDK or Claude Code at this server and use an Inkmeter",
    'API key. Requests are metered as those of `POST /v1/chat/completions` are. `cache_control` is honoured for Claude;',
    '`x-inkmeter-ignored` names what the model cannot take.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'text', field: 'model' }],
  headers: idempotencyHeaders,
  body: messagesRequest,
  bodyExample: {
    model: 'claude-haiku-4-5',
    max_tokens: 200,
    messages: [{ role: 'user', content: 'Name three uses of a fountain pen.' }],
  },
  responses: {
    200: {
      description: "The message; with `stream: true`, server-sent events in Anthropic's form.",
      schema: message200,
      example: {
        id: 'msg_01Vq',
        type: 'message',
        role: 'assistant',
        model: 'claude-haiku-4-5',
        content: [{ type: 'text', text: 'Writing letters, sketching, and signing contracts.' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: {
          input_tokens: 14,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          output_tokens: 9,
        },
      },
      events: MESSAGE_EVENTS,
      eventStreamExample: [
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_01Vq","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}}',
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Writing"}}',
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":14,"output_tokens":9}}',
        'event: message_stop\ndata: {"type":"message_stop"}',
        '',
      ].join('\n\n'),
    },
    ...vendorProblems(
      'anthropic',
      ...METERING_PROBLEMS,
      'url_not_read',
      'unknown_model',
      'feature_not_in_plan',
      'payment_required',
    ),
  },
});

export const countMessageTokens = defineOperation({
  operationId: 'countMessageTokens',
  method: 'POST',
  takesMedia: true,
  path: '/v1/messages/count_tokens',
  summary: 'Estimate the input tokens of a message',
  description:
    'An estimate that costs nothing and calls no provider. It is close for models whose tokenizer is public, and rather high for others.',
  tags,
  auth: 'user',
  scope: 'generate',
  body: countTokensRequest,
  bodyExample: {
    model: 'claude-haiku-4-5',
    messages: [{ role: 'user', content: 'Name three uses of a fountain pen.' }],
  },
  responses: {
    200: {
      description: 'The estimate.',
      schema: z.object({ input_tokens: z.int() }).meta({ id: 'MessageTokens' }),
      example: { input_tokens: 34 },
    },
    ...vendorProblems('anthropic', ...TOKEN_COUNT_PROBLEMS),
  },
});
