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
  outputType: 'gen_ai.output.type',
  inputTokens: 'gen_ai.usage.input_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  errorType: 'error.type',
  requestId: 'inkmeter.request_id',
  providerRequestId: 'inkmeter.provider_request_id',
  step: 'inkmeter.step',
  costNanoUsd: 'inkmeter.cost_nano_usd',
} as const;

/** Providers that the conventions name otherwise. */
const PROVIDERS: Readonly<Record<string, string>> = {
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  xai: 'x_ai',
};

/** The name of a provider in spans. */
export const providerName = (provider: string): string => PROVIDERS[provider] ?? provider;

/** Names, numbers and codes; never prompts or answers. */
export type CallAttributes = { readonly [Name in keyof typeof GEN_AI]?: string | number | undefined };
