/**
 * The part of Anthropic's messages that a chat with any provider can express (https://docs.claude.com/en/api/messages).
 *
 * Unknown fields of content blocks cost nothing and are ignored. Unknown parameters of the request are refused: they could
 * cost money that no hold covers.
 */
import { z } from 'zod';
import { cacheControl, MAX_STOPS, TOOL_NAME, thinkingConfig } from './chat-completions.ts';

const cached = { cache_control: cacheControl.nullish() };

const textBlock = z.object({ type: z.literal('text'), text: z.string(), ...cached });

const imageBlock = z.object({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('base64'), media_type: z.string(), data: z.string().min(1) }),
    z.object({ type: z.literal('url'), url: z.string().min(1) }),
  ]),
  ...cached,
});

/** A text or a PDF document; by URL also an image. */
const documentBlock = z.object({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('text'), data: z.string() }),
    z.object({
      type: z.literal('content'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textBlock, imageBlock]))]),
    }),
    z.object({
      type: z.literal('base64'),
      media_type: z.literal('application/pdf'),
      data: z.string().min(1),
    }),
    z.object({ type: z.literal('url'), url: z.string().min(1) }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  ...cached,
});

const searchResultBlock = z.object({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  content: z.array(textBlock),
  ...cached,
});

const toolUseBlock = z.object({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()).default({}),
  ...cached,
});

const toolResultBlock = z.object({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z
    .union([
      z.string(),
      z.array(z.discriminatedUnion('type', [textBlock, imageBlock, documentBlock, searchResultBlock])),
    ])
    .nullish(),
  is_error: z.boolean().nullish(),
  ...cached,
});

const thinkingBlock = z.object({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string().default(''),
});
const redactedThinkingBlock = z.object({ type: z.literal('redacted_thinking'), data: z.string() });

const contentBlock = z.discriminatedUnion('type', [
  textBlock,
  imageBlock,
  documentBlock,
  searchResultBlock,
  toolUseBlock,
  toolResultBlock,
  thinkingBlock,
  redactedThinkingBlock,
]);

const message = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(contentBlock)]),
});

const tool = z.object({
  type: z.literal('custom').nullish(),
  name: z.string().regex(TOOL_NAME),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
  ...cached,
});

const single = { disable_parallel_tool_use: z.boolean().nullish() };
const toolChoice = z.discriminatedUnion('type', [
  z.object({ type: z.literal('auto'), ...single }),
  z.object({ type: z.literal('any'), ...single }),
  z.object({ type: z.literal('tool'), name: z.string(), ...single }),
  z.object({ type: z.literal('none') }),
]);

const jsonFormat = z.object({
  type: z.literal('json_schema'),
  schema: z.record(z.string(), z.unknown()),
});

const prompt = {
  model: z.string().min(1).max(200),
  messages: z.array(message).min(1).max(2000),
  system: z.union([z.string(), z.array(textBlock)]).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinkingConfig.nullish(),
};

export const messagesRequest = z
  .strictObject({
    ...prompt,
    max_tokens: z.int().min(1),
    stream: z.boolean().nullish(),
    stop_sequences: z.array(z.string()).max(MAX_STOPS).nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(0).nullish(),
    metadata: z.object({ user_id: z.string().nullish() }).nullish(),
    output_config: z
      .object({
        effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
        format: jsonFormat.nullish(),
      })
      .nullish(),
    // Other tiers, places and speeds have other prices.
    service_tier: z.enum(['auto', 'standard_only']).nullish(),
    inference_geo: z.literal('global').nullish(),
    speed: z.literal('standard').nullish(),
    cache_control: cacheControl.nullish().describe('Marks the last block of the prompt for the cache.'),
    fit_budget: z.boolean().optional(),
    allow_degraded: z.boolean().optional(),
  })
  .meta({ id: 'MessagesRequest' });

export type MessagesRequest = z.output<typeof messagesRequest>;
export type MessageContent = MessagesRequest['messages'][number]['content'];
export type MessageBlock = Exclude<MessageContent, string>[number];

/** What counts of a request; everything else is ignored, because clients send the same request to both routes. */
export const countTokensRequest = z.object(prompt).meta({ id: 'CountTokensRequest' });
export type CountTokensRequest = z.output<typeof countTokensRequest>;

const usage = z.looseObject({
  input_tokens: z.int(),
  cache_creation_input_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  output_tokens: z.int(),
});

export const message200 = z
  .looseObject({
    id: z.string(),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(z.looseObject({ type: z.string() })),
    stop_reason: z.string().nullable(),
    stop_sequence: z.string().nullable(),
    usage,
  })
  .meta({ id: 'Message' });
