/**
 * The part of OpenAI's chat completions that every provider supports
 * (https://platform.openai.com/docs/api-reference/chat/create).
 *
 * Unknown parameters are refused: they could cost money that no hold covers. What cannot cost anything is dropped before
 * (`services/gateway/chat/domain/ignored-fields.ts`).
 */
import { z } from 'zod';

/** Anthropic's mark for prompt caching: everything up to it is stored, for five minutes or an hour. */
export const cacheControl = z.object({
  type: z.literal('ephemeral'),
  ttl: z.enum(['5m', '1h']).nullish(),
});
const cached = { cache_control: cacheControl.nullish() };

const textPart = z.looseObject({ type: z.literal('text'), text: z.string(), ...cached });
const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string().min(1), detail: z.enum(['auto', 'low', 'high']).optional() }),
  ...cached,
});
/** The formats of recordings in prompts. */
export const RECORDING_FORMATS = ['wav', 'mp3'] as const;
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];

/** A PDF document. */
const filePart = z.strictObject({
  type: z.literal('file'),
  file: z.strictObject({
    file_data: z
      .string()
      .min(1)
      .describe(
        'A data URL of a PDF document, `data:application/pdf;base64,…`, or the URL of a document, a text or an image.',
      ),
    filename: z.string().max(255).optional(),
  }),
  ...cached,
});
const audioPart = z.strictObject({
  type: z.literal('input_audio'),
  input_audio: z.strictObject({
    data: z.string().min(1).describe('A recording as base64.'),
    format: z.enum(RECORDING_FORMATS),
  }),
  ...cached,
});
const refusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });

/** An extension: Claude's reasoning with its signature, which the next turn of a conversation with tools must repeat. */
export const thinkingBlock = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
]);

/** An extension of Google's: Gemini's signature of a call, which the next turn should repeat. */
const signedByGoogle = z.object({ google: z.object({ thought_signature: z.string() }) });
export type SignedByGoogle = z.infer<typeof signedByGoogle>;

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
  index: z.int().optional(),
  extra_content: signedByGoogle.optional(),
});

export const chatMessage = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.enum(['system', 'developer']),
    content: z.union([z.string(), z.array(textPart)]),
    name: z.string().optional(),
    ...cached,
  }),
  z.strictObject({
    role: z.literal('user'),
    content: z.union([
      z.string(),
      z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart, audioPart])).min(1),
    ]),
    name: z.string().optional(),
    ...cached,
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart]))]).nullish(),
    refusal: z.string().nullish(),
    name: z.string().optional(),
    tool_calls: z.array(toolCall).optional(),
    // Spoken answers, which no model here has given.
    audio: z.null().optional(),
    reasoning_content: z.string().nullish(),
    thinking_blocks: z.array(thinkingBlock).nullish(),
    ...cached,
  }),
  z.strictObject({
    role: z.literal('tool'),
    // OpenAI's format has only texts here; models without more get the rest in a message of the user.
    content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart]))]),
    tool_call_id: z.string(),
    /** An extension: the tool failed. */
    is_error: z.boolean().nullish(),
    ...cached,
  }),
]);

/**
 * OpenAI takes 64 characters without dots and colons, Anthropic 128, and Google dots and colons too. Providers refuse what
 * they do not take, without a charge.
 */
export const TOOL_NAME = /^[a-zA-Z0-9_.:-]{1,128}$/;

export const chatTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string().regex(TOOL_NAME),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
  ...cached,
});

/** An extension: Claude's reasoning budget, as Anthropic's API takes it. */
export const thinkingConfig = z.discriminatedUnion('type', [
  z.object({ type: z.literal('enabled'), budget_tokens: z.int().min(1024) }),
  z.object({ type: z.literal('adaptive') }),
  z.object({ type: z.literal('disabled') }),
]);

export const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string(),
      description: z.string().optional(),
      schema: z.record(z.string(), z.unknown()).optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** More than any client sends. Some models take fewer. */
export const MAX_STOPS = 64;

export const chatCompletionRequest = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(200)
    .describe(
      'A model of the plan. `auto`: the default of the plan, or a cheaper one if the limits do not admit that; others answer if its provider fails.',
    ),
  messages: z.array(chatMessage).min(1).max(2000),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  n: z.int().min(1).max(8).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(MAX_STOPS)]).nullish(),
  seed: z.int().nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(chatTool).max(128).optional(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: responseFormat.optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  user: z.string().max(512).optional(),
  safety_identifier: z.string().max(512).optional(),
  prompt_cache_key: z.string().max(512).optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.literal(false).nullish(),
  // Other tiers have other prices.
  service_tier: z.enum(['auto', 'default']).nullish(),
  thinking: thinkingConfig.nullish(),
  /** An extension of Anthropic and Gemini. */
  top_k: z.int().min(1).nullish(),
  /** An extension: lowers the output cap until the worst case fits the limits, instead of refusing. */
  fit_budget: z.boolean().optional(),
  /** An extension: uses the nearest fallback for what the plan does not include, instead of refusing. */
  allow_degraded: z.boolean().optional(),
});

export type ChatCompletionRequest = z.infer<typeof chatCompletionRequest>;
export type ChatMessage = z.infer<typeof chatMessage>;
export type ChatTool = z.infer<typeof chatTool>;

/** Extensions, which are removed before a request goes to a provider. */
export const OWN_PARAMETERS = ['fit_budget', 'allow_degraded'] as const;
