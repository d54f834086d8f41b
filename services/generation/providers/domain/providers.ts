import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import type { AudioAdapter } from './audio-adapter.ts';
import type { ChatSource } from './chat-source.ts';
import type { EmbeddingAdapter } from './embedding-adapter.ts';
import type { ImageAdapter } from './image-adapter.ts';
import type { ModerationAdapter } from './moderation-adapter.ts';
import type { SearchAdapter } from './search-adapter.ts';

/** Providers that speak OpenAI's chat completions. */
export const OPENAI_FORMAT_PROVIDERS = ['openai', 'xai', 'mistral', 'ollama'] as const;
export type OpenAiFormatProvider = (typeof OPENAI_FORMAT_PROVIDERS)[number];

export const PROVIDERS = [
  ...OPENAI_FORMAT_PROVIDERS,
  'anthropic',
  'gemini',
  'stability',
  ...SEARCH_PROVIDERS,
] as const;
export type ProviderKey = (typeof PROVIDERS)[number];

/** Where a provider's API is, and our key for it. */
export type ProviderAccess = { baseUrl: string; apiKey: string };

/** The configured providers. Each method throws ProblemError `provider_error` for one that is not configured. */
export type Providers = {
  /** For requests in OpenAI's format: passed through where the provider speaks it, translated otherwise. */
  readonly forChat: (provider: string) => { source: ChatSource; isPassthrough: boolean };
  /** For requests that we compose. */
  readonly forPipeline: (provider: string) => ChatSource;
  readonly forImages: (provider: string) => ImageAdapter;
  readonly forEmbeddings: (provider: string) => EmbeddingAdapter;
  readonly forModerations: (provider: string) => ModerationAdapter;
  readonly moderationsIfConfigured: (provider: string) => ModerationAdapter | undefined;
  readonly forAudio: (provider: string) => AudioAdapter;
  readonly forSearch: (provider: string) => SearchAdapter;
};
