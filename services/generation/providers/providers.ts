import type { Dispatcher } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { AnthropicAdapter } from './anthropic/adapter.ts';
import { type ChatSource, sourceOfAdapter } from './domain/chat-source.ts';
import type { ImageAdapter } from './domain/image-adapter.ts';
import {
  OPENAI_FORMAT_PROVIDERS,
  type ProviderAccess,
  type ProviderKey,
  type Providers,
} from './domain/providers.ts';
import { GeminiAdapter } from './gemini/adapter.ts';
import { OpenAiAdapter } from './openai/adapter.ts';
import { OpenAiImageAdapter } from './openai/images.ts';
import { createPassthrough } from './openai/passthrough.ts';
import { VENDORS } from './openai/vendors.ts';
import { StabilityImageAdapter } from './stability/images.ts';

export type ProvidersOptions = {
  /** The providers that are configured; others cannot be called. */
  access: Readonly<Partial<Record<ProviderKey, ProviderAccess>>>;
  dispatcher: Dispatcher;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

/** Providers with OpenAI's images API. */
const OPENAI_IMAGE_PROVIDERS = ['openai', 'xai'] as const satisfies ProviderKey[];

export function createProviders(options: ProvidersOptions): Providers {
  const passthroughs = createPassthroughs(options);
  const adapters = createChatAdapters(options);
  const imageAdapters = createImageAdapters(options);
  const forPipeline = (provider: string) => adapters.get(provider) ?? notConfigured(provider);
  return {
    forPipeline,
    forChat(provider) {
      const passthrough = passthroughs.get(provider);
      return passthrough
        ? { source: passthrough, isPassthrough: true }
        : { source: forPipeline(provider), isPassthrough: false };
    },
    forImages: (provider) => imageAdapters.get(provider) ?? notConfigured(provider),
  };
}

function createPassthroughs({ access, dispatcher }: ProvidersOptions): Map<string, ChatSource> {
  const passthroughs = new Map<string, ChatSource>();
  for (const provider of OPENAI_FORMAT_PROVIDERS) {
    const known = access[provider];
    if (known === undefined) continue;
    passthroughs.set(provider, createPassthrough({ ...known, dispatcher, vendor: VENDORS[provider] }));
  }
  return passthroughs;
}

function createChatAdapters({ access, dispatcher, runtime }: ProvidersOptions): Map<string, ChatSource> {
  const fetch = fetchFromUndici(dispatcher);
  const adapters = new Map<string, ChatSource>();
  for (const provider of OPENAI_FORMAT_PROVIDERS) {
    const known = access[provider];
    if (known === undefined) continue;
    const adapter = new OpenAiAdapter({ ...known, fetch, vendor: VENDORS[provider] });
    adapters.set(provider, sourceOfAdapter(adapter));
  }
  const { anthropic, gemini } = access;
  if (anthropic) {
    const adapter = new AnthropicAdapter({ ...anthropic, fetch, clock: runtime.clock });
    adapters.set('anthropic', sourceOfAdapter(adapter));
  }
  if (gemini) adapters.set('gemini', sourceOfAdapter(new GeminiAdapter({ ...gemini, runtime })));
  return adapters;
}

function createImageAdapters({ access, dispatcher }: ProvidersOptions): Map<string, ImageAdapter> {
  const fetch = fetchFromUndici(dispatcher);
  const adapters = new Map<string, ImageAdapter>();
  for (const provider of OPENAI_IMAGE_PROVIDERS) {
    const known = access[provider];
    if (known !== undefined) adapters.set(provider, new OpenAiImageAdapter({ ...known, fetch }));
  }
  const { stability } = access;
  if (stability) adapters.set('stability', new StabilityImageAdapter({ ...stability, fetch }));
  return adapters;
}

function notConfigured(provider: string): never {
  throw problem('provider_error', { detail: 'The provider is not configured.', fields: { provider } });
}
