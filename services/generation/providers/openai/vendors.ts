/** Providers that speak OpenAI's chat completions, and how they differ. */
export const OPENAI_FORMAT_PROVIDERS = ['openai', 'xai', 'mistral', 'ollama'] as const;
export type OpenAiFormatProvider = (typeof OPENAI_FORMAT_PROVIDERS)[number];

/** Where all of them name a call. */
export const REQUEST_ID_HEADER = 'x-request-id';

export type Vendor = {
  /** The parameter that caps output; unknown ones are refused by Mistral and ignored by Ollama, which is worse. */
  readonly capParameter: 'max_completion_tokens' | 'max_tokens';
  /** Whether a stream reports usage only if `stream_options.include_usage` asks for it. */
  readonly asksForUsage: boolean;
  /** Whether reasoning tokens stand beside `completion_tokens` instead of inside. */
  readonly reasoningBesideCompletion: boolean;
};

export const VENDORS: Readonly<Record<OpenAiFormatProvider, Vendor>> = {
  openai: { capParameter: 'max_completion_tokens', asksForUsage: true, reasoningBesideCompletion: false },
  // https://docs.x.ai/docs/guides/reasoning
  xai: { capParameter: 'max_completion_tokens', asksForUsage: true, reasoningBesideCompletion: true },
  // https://docs.mistral.ai/api/#tag/chat: usage comes with the last chunk, unasked
  mistral: { capParameter: 'max_tokens', asksForUsage: false, reasoningBesideCompletion: false },
  // https://docs.ollama.com/api/openai-compatibility
  ollama: { capParameter: 'max_tokens', asksForUsage: true, reasoningBesideCompletion: false },
};
