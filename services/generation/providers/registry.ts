import type { Dispatcher } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { AnthropicAdapter } from './anthropic/adapter.ts';
import { type ChatSource, sourceOfAdapter } from './chat-source.ts';
import { GeminiAdapter } from './gemini/adapter.ts';
import type { ImageAdapter } from './image-port.ts';
import { OpenAiAdapter } from './openai/adapter.ts';
import { OpenAiImageAdapter } from './openai/images.ts';
import { createPassthrough } from './openai/passthrough.ts';
import { OPENAI_FORMAT_PROVIDERS, VENDORS } from './openai/vendors.ts';
import { StabilityImageAdapter } from './stability/images.ts';

/** Where a provider is, and the key it knows us by. */
export type ProviderAccess = { baseUrl: string; apiKey: string };

export const PROVIDERS = [...OPENAI_FORMAT_PROVIDERS, 'anthropic', 'gemini', 'stability'] as const;
export type ProviderKey = (typeof PROVIDERS)[number];

export type ChatProviders = {
  /**
   * For requests in OpenAI's format: as bytes where the provider speaks it, translated where it does not.
   * @throws ProblemError `provider_error` for a provider that is not configured.
   */
  readonly forChat: (provider: string) => { source: ChatSource; isPassthrough: boolean };
  /** For requests of our own making: through the vendor's SDK. Same error. */
  readonly forPipeline: (provider: string) => ChatSource;
};

export type ImageProviders = {
  /** @throws ProblemError `provider_error` for a provider that is not configured. */
  readonly forImages: (provider: string) => ImageAdapter;
};

export type ProviderOptions = {
  /** The providers that are configured; others cannot be called. */
  access: Readonly<Partial<Record<ProviderKey, ProviderAccess>>>;
  dispatcher: Dispatcher;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export function createChatProviders(options: ProviderOptions): ChatProviders {
  const { access, dispatcher, runtime } = options;
  const fetch = fetchFromUndici(dispatcher);
  const passthroughs = new Map<string, { source: ChatSource; isPassthrough: true }>();
  const adapters = new Map<string, ChatSource>();
  for (const provider of OPENAI_FORMAT_PROVIDERS) {
    const known = access[provider];
    if (known === undefined) continue;
    const vendor = VENDORS[provider];
    passthroughs.set(provider, {
      source: createPassthrough({ ...known, dispatcher, vendor }),
      isPassthrough: true,
    });
    adapters.set(provider, sourceOfAdapter(new OpenAiAdapter({ ...known, fetch, vendor })));
  }
  const { anthropic, gemini } = access;
  if (anthropic) {
    adapters.set(
      'anthropic',
      sourceOfAdapter(new AnthropicAdapter({ ...anthropic, fetch, clock: runtime.clock })),
    );
  }
  if (gemini) adapters.set('gemini', sourceOfAdapter(new GeminiAdapter({ ...gemini, runtime })));

  const forPipeline = (provider: string): ChatSource => {
    const source = adapters.get(provider);
    if (source !== undefined) return source;
    throw notConfigured(provider);
  };
  return {
    forChat: (provider) =>
      passthroughs.get(provider) ?? { source: forPipeline(provider), isPassthrough: false },
    forPipeline,
  };
}

/** Providers with OpenAI's images API. */
const OPENAI_IMAGE_PROVIDERS = ['openai', 'xai'] as const satisfies ProviderKey[];

export function createImageProviders({ access, dispatcher }: ProviderOptions): ImageProviders {
  const fetch = fetchFromUndici(dispatcher);
  const adapters = new Map<string, ImageAdapter>();
  for (const provider of OPENAI_IMAGE_PROVIDERS) {
    const known = access[provider];
    if (known !== undefined) adapters.set(provider, new OpenAiImageAdapter({ ...known, fetch }));
  }
  const { stability } = access;
  if (stability) adapters.set('stability', new StabilityImageAdapter({ ...stability, fetch }));
  return {
    forImages(provider) {
      const adapter = adapters.get(provider);
      if (adapter === undefined) throw notConfigured(provider);
      return adapter;
    },
  };
}

function notConfigured(provider: string) {
  return problem('provider_error', { detail: 'The provider is not configured.', fields: { provider } });
}
