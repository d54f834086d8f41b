/**
 * Attributes of spans of provider calls, by the semantic conventions for generative AI. Their names still change, so they
 * are written here only.
 * @see https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
 */
export const GEN_AI = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  maxTokens: 'gen_ai.request.max_tokens',
  responseId: 'gen_ai.response.id',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  errorType: 'error.type',
  requestId: 'inkmeter.request_id',
  step: 'inkmeter.step',
  costNanoUsd: 'inkmeter.cost_nano_usd',
} as const;

/** Names, numbers and codes; never prompts or answers. */
export type CallAttributes = { readonly [Name in keyof typeof GEN_AI]?: string | number | undefined };
