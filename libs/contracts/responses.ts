/**
 * The part of OpenAI's responses that a chat with any provider can express
 * (https://platform.openai.com/docs/api-reference/responses/create).
 *
 * Unknown fields of items cost nothing and are ignored. Unknown parameters of the request are refused: they could cost
 * money that no hold covers.
 */
import { z } from 'zod';
import { cacheControl, RECORDING_FORMATS, TOOL_NAME } from './chat-completions.ts';

/** An extension: Claude's mark for prompt caching. */
const cached = { cache_control: cacheControl.nullish() };

const textPart = z.object({
  type: z.enum(['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text']),
  text: z.string(),
  ...cached,
});
const imagePart = z.object({
  type: z.literal('input_image'),
  image_url: z.string().min(1),
  detail: z.string().nullish(),
  ...cached,
});
const filePart = z.object({
  type: z.literal('input_file'),
  file_data: z
    .string()
    .min(1)
    .nullish()
    .describe('A data URL of a PDF document: `data:application/pdf;base64,…`.'),
  file_url: z
    .string()
    .min(1)
    .nullish()
    .describe('The URL of a document, a text or an image, in place of `file_data`.'),
  filename: z.string().max(255).nullish(),
  ...cached,
});
const audioPart = z.object({
  type: z.literal('input_audio'),
  input_audio: z.object({ data: z.string().min(1), format: z.enum(RECORDING_FORMATS) }),
});
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() });
const part = z.discriminatedUnion('type', [textPart, imagePart, filePart, audioPart, refusalPart]);

const id = z.string().nullish();

const messageItem = z.object({
  type: z.literal('message').default('message'),
  id,
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.union([z.string(), z.array(part)]),
  ...cached,
});
const functionCallItem = z.object({
  type: z.literal('function_call'),
  id,
  call_id: z.string(),
  name: z.string(),
  namespace: z.string().nullish(),
  arguments: z.string(),
});
const functionOutputItem = z.object({
  type: z.literal('function_call_output'),
  id,
  call_id: z.string(),
  output: z.union([z.string(), z.array(part)]),
  ...cached,
});
const customCallItem = z.object({
  type: z.literal('custom_tool_call'),
  id,
  call_id: z.string(),
  name: z.string(),
  input: z.string(),
});
const customOutputItem = z.object({
  type: z.literal('custom_tool_call_output'),
  id,
  call_id: z.string(),
  output: z.union([z.string(), z.array(part)]),
  ...cached,
});
const reasoningItem = z.object({
  type: z.literal('reasoning'),
  id,
  encrypted_content: z.string().nullish(),
});
const itemReference = z.object({ type: z.literal('item_reference'), id: z.string() });

/** An item of a conversation. */
export const conversationItem = z.union([
  messageItem,
  z.discriminatedUnion('type', [
    functionCallItem,
    functionOutputItem,
    customCallItem,
    customOutputItem,
    reasoningItem,
  ]),
]);
export type ConversationItem = z.output<typeof conversationItem>;

const inputItem = z.union([conversationItem, itemReference]);
export type InputItem = z.output<typeof inputItem>;

export const functionTool = z.object({
  type: z.literal('function'),
  name: z.string().regex(TOOL_NAME),
  namespace: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/)
    .nullish()
    .describe('Set by tools of type `namespace`, which contain functions.'),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
  ...cached,
});

/** A tool that takes a text instead of arguments. */
export const customTool = z.object({
  type: z.literal('custom'),
  name: z.string().regex(TOOL_NAME),
  description: z.string().nullish(),
  format: z.object({ type: z.literal('text') }).nullish(),
});

const textFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

export const responsesRequest = z
  .strictObject({
    model: z.string().min(1).max(200),
    input: z.union([z.string(), z.array(inputItem).max(2000)]).default([]),
    instructions: z.string().nullish(),
    previous_response_id: z
      .string()
      .max(200)
      .nullish()
      .describe('A stored response of this account, which the conversation continues.'),
    store: z
      .boolean()
      .nullish()
      .describe('Stores the response for 30 days, for `previous_response_id`; the default.'),
    stream: z.boolean().nullish(),
    max_output_tokens: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    tools: z
      .array(z.discriminatedUnion('type', [functionTool, customTool]))
      .max(128)
      .nullish(),
    tool_choice: z
      .union([
        z.enum(['none', 'auto', 'required']),
        z.object({ type: z.enum(['function', 'custom']), name: z.string() }),
      ])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z
      .object({ format: textFormat.nullish(), verbosity: z.enum(['low', 'medium', 'high']).nullish() })
      .nullish(),
    reasoning: z
      .object({
        effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
        summary: z.string().nullish(),
      })
      .nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
    user: z.string().max(512).nullish(),
    safety_identifier: z.string().max(512).nullish(),
    prompt_cache_key: z.string().max(512).nullish(),
    // Other tiers have other prices.
    service_tier: z.enum(['auto', 'default']).nullish(),
    truncation: z.literal('disabled').nullish(),
    cache_control: cacheControl.nullish().describe('An extension: marks the last item of the input.'),
    fit_budget: z.boolean().optional(),
    allow_degraded: z.boolean().optional(),
  })
  .meta({ id: 'ResponsesRequest' });
export type ResponsesRequest = z.output<typeof responsesRequest>;

export const modelResponse = z
  .looseObject({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    status: z.enum(['completed', 'incomplete', 'in_progress', 'failed']),
    model: z.string(),
    output: z.array(z.looseObject({ type: z.string(), id: z.string() })),
    previous_response_id: z.string().nullable(),
    store: z.boolean(),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() }).nullable(),
  })
  .meta({ id: 'ModelResponse' });
export type ModelResponse = z.output<typeof modelResponse>;
