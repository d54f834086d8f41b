/** How the providers that speak OpenAI's chat completions differ. */
import type { OpenAiFormatProvider } from '../domain/providers.ts';

/** The header in which all of them return their id of the call. */
export const REQUEST_ID_HEADER = 'x-request-id';

export type Vendor = {
  /** The parameter that caps output. Mistral refuses an unknown one; Ollama ignores it, which would lift the cap. */
  readonly capParameter: 'max_completion_tokens' | 'max_tokens';
  /** Whether a stream reports usage only if `stream_options.include_usage` asks for it. */
  readonly asksForUsage: boolean;
  /** The service tier to request, where the provider has several. The client's is never forwarded. */
  readonly serviceTier?: 'default';
  /** Whether `completion_tokens` excludes reasoning tokens. */
  readonly excludesReasoning: boolean;
};

export const VENDORS: Readonly<Record<OpenAiFormatProvider, Vendor>> = {
  openai: {
    capParameter: 'max_completion_tokens',
    asksForUsage: true,
    serviceTier: 'default',
    excludesReasoning: false,
  },
  // https://docs.x.ai/docs/guides/reasoning
  xai: {
    capParameter: 'max_completion_tokens',
    asksForUsage: true,
    serviceTier: 'default',
    excludesReasoning: true,
  },
  // https://docs.mistral.ai/api/#tag/chat: the last chunk always contains usage
  mistral: { capParameter: 'max_tokens', asksForUsage: false, excludesReasoning: false },
  // https://docs.ollama.com/api/openai-compatibility
  ollama: { capParameter: 'max_tokens', asksForUsage: true, excludesReasoning: false },
};
