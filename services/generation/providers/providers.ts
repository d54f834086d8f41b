import type { Dispatcher } from 'undici';
import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createAnthropicAdapter } from './anthropic/adapter.ts';
import { ANTHROPIC_VERSION } from './anthropic/version.ts';
import { createChatSource } from './chat-source.ts';
import type { AudioAdapter } from './domain/audio-adapter.ts';
import type { ChatSource } from './domain/chat-source.ts';
import type { EmbeddingAdapter } from './domain/embedding-adapter.ts';
import type { ImageAdapter } from './domain/image-adapter.ts';
import type { ModerationAdapter } from './domain/moderation-adapter.ts';
import type { ProviderAdapter } from './domain/provider-adapter.ts';
import {
  OPENAI_FORMAT_PROVIDERS,
  type ProviderAccess,
  type ProviderKey,
  type Providers,
} from './domain/providers.ts';
import type { SearchAdapter } from './domain/search-adapter.ts';
import { bearerEndpoint, type Endpoint } from './endpoint.ts';
import { createGeminiAdapter } from './gemini/adapter.ts';
import { createGeminiEmbeddingAdapter } from './gemini/embeddings.ts';
import { createOpenAiAdapter } from './openai/adapter.ts';
import { createOpenAiAudioAdapter } from './openai/audio.ts';
import { createOpenAiEmbeddingAdapter, type EmbeddingVendor } from './openai/embeddings.ts';
import { createOpenAiImageAdapter } from './openai/images.ts';
import { createOpenAiModerationAdapter } from './openai/moderations.ts';
import { VENDORS } from './openai/vendors.ts';
import { createSearchAdapter } from './search/adapters.ts';
import { createStabilityImageAdapter } from './stability/images.ts';

export type ProvidersOptions = {
  /** The providers that are configured; others cannot be called. */
  access: Readonly<Partial<Record<ProviderKey, ProviderAccess>>>;
  dispatcher: Dispatcher;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

const PASSED_THROUGH: ReadonlySet<string> = new Set(OPENAI_FORMAT_PROVIDERS);
/** Providers with OpenAI's images API. */
const OPENAI_IMAGE_PROVIDERS = ['openai', 'xai'] as const satisfies ProviderKey[];

/** Providers with OpenAI's embeddings API. */
const EMBEDDING_VENDORS = {
  openai: { encodesBase64: true, takesUser: true },
  // https://docs.mistral.ai/api/#tag/embeddings
  mistral: { encodesBase64: false, takesUser: false },
  // https://docs.ollama.com/api/openai-compatibility#v1%2Fembeddings
  ollama: { encodesBase64: false, takesUser: false },
} as const satisfies Partial<Record<ProviderKey, EmbeddingVendor>>;

export function createProviders(options: ProvidersOptions): Providers {
  const chatSources = createChatSources(options);
  const imageAdapters = createImageAdapters(options);
  const embeddingAdapters = createEmbeddingAdapters(options);
  const moderationAdapters = createModerationAdapters(options);
  const audioAdapters = createAudioAdapters(options);
  const searchAdapters = createSearchAdapters(options);
  const forPipeline = (provider: string) => chatSources.get(provider) ?? notConfigured(provider);
  return {
    forPipeline,
    forChat: (provider) => ({ source: forPipeline(provider), isPassthrough: PASSED_THROUGH.has(provider) }),
    forImages: (provider) => imageAdapters.get(provider) ?? notConfigured(provider),
    forEmbeddings: (provider) => embeddingAdapters.get(provider) ?? notConfigured(provider),
    forModerations: (provider) => moderationAdapters.get(provider) ?? notConfigured(provider),
    moderationsIfConfigured: (provider) => moderationAdapters.get(provider),
    forAudio: (provider) => audioAdapters.get(provider) ?? notConfigured(provider),
    forSearch: (provider) => searchAdapters.get(provider) ?? notConfigured(provider),
  };
}

function createChatSources({ access, dispatcher, runtime }: ProvidersOptions): Map<string, ChatSource> {
  const sources = new Map<string, ChatSource>();
  const add = (
    provider: ProviderKey,
    adapter: ProviderAdapter,
    endpointOf: (access: ProviderAccess) => Endpoint,
  ) => {
    const known = access[provider];
    if (known) sources.set(provider, createChatSource({ adapter, endpoint: endpointOf(known), dispatcher }));
  };
  const runtimeOptions = { now: runtime.clock.now, newId: runtime.newId };
  for (const provider of OPENAI_FORMAT_PROVIDERS) {
    add(provider, createOpenAiAdapter(VENDORS[provider]), bearerEndpoint);
  }
  add('anthropic', createAnthropicAdapter(runtimeOptions), anthropicEndpoint);
  add('gemini', createGeminiAdapter(runtimeOptions), geminiEndpoint);
  return sources;
}

function createImageAdapters({ access, dispatcher }: ProvidersOptions): Map<string, ImageAdapter> {
  const adapters = new Map<string, ImageAdapter>();
  for (const provider of OPENAI_IMAGE_PROVIDERS) {
    const known = access[provider];
    if (known) adapters.set(provider, createOpenAiImageAdapter(bearerEndpoint(known), dispatcher));
  }
  const { stability } = access;
  if (stability)
    adapters.set('stability', createStabilityImageAdapter(bearerEndpoint(stability), dispatcher));
  return adapters;
}

function createEmbeddingAdapters({ access, dispatcher }: ProvidersOptions): Map<string, EmbeddingAdapter> {
  const adapters = new Map<string, EmbeddingAdapter>();
  for (const [provider, vendor] of Object.entries(EMBEDDING_VENDORS)) {
    const known = access[provider as ProviderKey];
    if (!known) continue;
    adapters.set(provider, createOpenAiEmbeddingAdapter(vendor, bearerEndpoint(known), dispatcher));
  }
  const { gemini } = access;
  if (gemini) adapters.set('gemini', createGeminiEmbeddingAdapter(geminiEndpoint(gemini), dispatcher));
  return adapters;
}

function createModerationAdapters({ access, dispatcher }: ProvidersOptions): Map<string, ModerationAdapter> {
  const adapters = new Map<string, ModerationAdapter>();
  const { openai } = access;
  if (openai) adapters.set('openai', createOpenAiModerationAdapter(bearerEndpoint(openai), dispatcher));
  return adapters;
}

function createAudioAdapters({ access, dispatcher }: ProvidersOptions): Map<string, AudioAdapter> {
  const adapters = new Map<string, AudioAdapter>();
  const { openai } = access;
  if (openai) adapters.set('openai', createOpenAiAudioAdapter(bearerEndpoint(openai), dispatcher));
  return adapters;
}

function createSearchAdapters({ access, dispatcher }: ProvidersOptions): Map<string, SearchAdapter> {
  const adapters = new Map<string, SearchAdapter>();
  for (const provider of SEARCH_PROVIDERS) {
    const known = access[provider];
    if (known) adapters.set(provider, createSearchAdapter(provider, known, dispatcher));
  }
  return adapters;
}

/** @param access.baseUrl without `/v1`. */
function anthropicEndpoint({ baseUrl, apiKey }: ProviderAccess): Endpoint {
  const headers = ['x-api-key', apiKey, 'anthropic-version', ANTHROPIC_VERSION];
  return { baseUrl, headers, requestIdHeader: 'request-id' };
}

/** @param access.baseUrl without the API version. */
function geminiEndpoint({ baseUrl, apiKey }: ProviderAccess): Endpoint {
  return { baseUrl, headers: ['x-goog-api-key', apiKey], requestIdHeader: 'x-request-id' };
}

function notConfigured(provider: string): never {
  throw problem('provider_error', { detail: 'The provider is not configured.', fields: { provider } });
}
