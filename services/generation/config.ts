import { z } from 'zod';
import { networks } from '#libs/config/networks.ts';
import { byteSize, durationMs, encryptionKeys, httpUrl, integer } from '#libs/config/variables.ts';
import { isPublicAddress } from '#libs/http/public-address.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import type { EndpointPolicy } from '#libs/service/endpoint-url.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { bucketOf, bucketVariables } from '#libs/storage/variables.ts';
import { type CallRunner, MODERATION_OUTAGES } from './calls/domain/run-call.ts';
import { PROVIDERS, type ProviderAccess, type ProviderKey } from './providers/domain/providers.ts';

const DEFAULT_PORT = 8083;

/** Larger than the gateway's limit, which applies first. */
const DEFAULT_BODY_LIMIT = '32mb';

const service = serviceVariables(DEFAULT_PORT);

const apiKey = (provider: string) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe(`Key for the ${provider} API; without it, its models cannot be called`);

const baseUrl = (url: string) => httpUrl().prefault(url).describe('Base URL of its API');

export const configSchema = z.object({
  ...service,
  BODY_LIMIT: service.BODY_LIMIT.unwrap()
    .prefault(DEFAULT_BODY_LIMIT)
    .describe('Largest request body accepted'),
  ...backendVariables(),

  OPENAI_API_KEY: apiKey('OpenAI'),
  OPENAI_BASE_URL: baseUrl('https://api.openai.com/v1'),
  ANTHROPIC_API_KEY: apiKey('Anthropic'),
  ANTHROPIC_BASE_URL: baseUrl('https://api.anthropic.com'),
  GEMINI_API_KEY: apiKey('Gemini'),
  GEMINI_BASE_URL: baseUrl('https://generativelanguage.googleapis.com'),
  XAI_API_KEY: apiKey('xAI'),
  XAI_BASE_URL: baseUrl('https://api.x.ai/v1'),
  MISTRAL_API_KEY: apiKey('Mistral'),
  MISTRAL_BASE_URL: baseUrl('https://api.mistral.ai/v1'),
  STABILITY_API_KEY: apiKey('Stability'),
  STABILITY_BASE_URL: baseUrl('https://api.stability.ai'),
  TAVILY_API_KEY: apiKey('Tavily'),
  TAVILY_BASE_URL: baseUrl('https://api.tavily.com'),
  SERPER_API_KEY: apiKey('Serper'),
  SERPER_BASE_URL: baseUrl('https://google.serper.dev'),
  EXA_API_KEY: apiKey('Exa'),
  EXA_BASE_URL: baseUrl('https://api.exa.ai'),
  FIRECRAWL_API_KEY: apiKey('Firecrawl'),
  FIRECRAWL_BASE_URL: baseUrl('https://api.firecrawl.dev'),
  OLLAMA_BASE_URL: httpUrl()
    .optional()
    .describe(
      "Base URL of Ollama's OpenAI-compatible API, such as http://127.0.0.1:11434/v1; it needs no key",
    ),

  PROVIDER_TIMEOUT: durationMs()
    .prefault('5m')
    .describe("Longest wait for a provider's answer, or for the first piece of a stream"),
  PROVIDER_IDLE_TIMEOUT: durationMs()
    .prefault('60s')
    .describe('Longest pause between two pieces of a stream'),
  PROVIDER_CONNECT_TIMEOUT: durationMs()
    .prefault('5s')
    .describe('Longest wait for a connection to a provider'),
  PROVIDER_CONNECTIONS: integer({ min: 1 })
    .prefault('4096')
    .describe('Maximum connections to one provider; each carries one call at a time'),
  PROVIDER_ATTEMPTS: integer({ min: 1, max: 10 })
    .prefault('3')
    .describe('Maximum attempts at a provider call that fails before it produced, or cost, anything'),
  PROVIDER_RETRY_DELAY: durationMs()
    .prefault('500ms')
    .describe('Longest pause before the second attempt; doubled for each further attempt'),
  PROVIDER_RETRY_DELAY_LIMIT: durationMs()
    .prefault('8s')
    .describe('A provider that asks for a longer pause than this is not called again'),
  MODERATION_OUTAGE: z
    .enum(MODERATION_OUTAGES)
    .prefault('allow')
    .describe(
      'What happens to texts while their moderation cannot answer: `allow` writes them, `refuse` fails them; images are refused in any case',
    ),
  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('URL of the billing service'),
  SOCIAL_PUBLISHER_URL: httpUrl()
    .optional()
    .describe(
      'Base URL of the service that publishes posts to social networks; without it, none can be published',
    ),
  NOTION_BASE_URL: baseUrl('https://api.notion.com').describe(
    'Base URL of the API of Notion, to which customers publish documents',
  ),
  HUBSPOT_BASE_URL: baseUrl('https://api.hubapi.com').describe(
    'Base URL of the API of HubSpot, from which contacts of customers are read',
  ),
  WEBHOOK_NETWORKS: networks()
    .optional()
    .describe(
      'Private networks that webhook endpoints may be in, also without TLS, such as `127.0.0.0/8`: for development and closed networks',
    ),
  ENCRYPTION_KEYS: encryptionKeys(),
  DRAIN_TIMEOUT: durationMs()
    .prefault('60s')
    .describe('Longest time that a provider call runs on after its client left, until its cost is known'),
  SPOOL_DIR: z
    .string()
    .min(1)
    .prefault('.inkmeter/spool')
    .describe(
      'Directory for settlements that cannot reach the database, until they are replayed; on a disk that survives the process, and of one machine only',
    ),
  MEDIA_DIR: z
    .string()
    .min(1)
    .prefault('.inkmeter/media')
    .describe('Folder for stored media, shared by all processes; unused with S3_BUCKET'),
  MEDIA_PUBLIC_URL: httpUrl()
    .prefault('http://127.0.0.1:8080')
    .describe('URL of the gateway as clients reach it, for links to media in MEDIA_DIR'),
  MEDIA_RETENTION: durationMs()
    .prefault('30d')
    .describe('How long stored media are kept, for plans without a retention of their own'),
  ...bucketVariables(),
  SPOOL_LIMIT: byteSize().prefault('64mb').describe('Largest size of the spool of one process'),
  STEP_CONCURRENCY: integer({ min: 1, max: 1_000 })
    .prefault('32')
    .describe('Steps of content jobs, and other tasks, that one process runs at the same time'),
  DEADLINE_MARGIN: durationMs()
    .prefault('10s')
    .describe('A request ends this long before its hold expires, so that it is settled in time'),
});

export type GenerationVariables = z.output<typeof configSchema>;

/** The configuration, grouped by its users. */
export function toGenerationConfig(variables: GenerationVariables) {
  return {
    service: toServiceConfig(variables),
    access: providerAccess(variables),
    calls: {
      providerTimeoutMs: variables.PROVIDER_TIMEOUT,
      idleTimeoutMs: variables.PROVIDER_IDLE_TIMEOUT,
      retries: {
        maxAttempts: variables.PROVIDER_ATTEMPTS,
        baseDelayMs: variables.PROVIDER_RETRY_DELAY,
        maxDelayMs: variables.PROVIDER_RETRY_DELAY_LIMIT,
      },
      moderationOutage: variables.MODERATION_OUTAGE,
    } satisfies Omit<CallRunner, 'metrics' | 'random' | 'breaker'>,
    deadlineMarginMs: variables.DEADLINE_MARGIN,
    drainTimeoutMs: variables.DRAIN_TIMEOUT,
    spool: { directory: variables.SPOOL_DIR, maxBytes: variables.SPOOL_LIMIT },
    socialPublisherUrl: variables.SOCIAL_PUBLISHER_URL,
    integrations: {
      notionUrl: variables.NOTION_BASE_URL,
      hubspotUrl: variables.HUBSPOT_BASE_URL,
      endpointPolicy: endpointPolicy(variables),
      encryptionKeys: variables.ENCRYPTION_KEYS,
    },
    media: {
      folder: variables.MEDIA_DIR,
      publicUrl: variables.MEDIA_PUBLIC_URL.replace(/\/$/, ''),
      retentionMs: variables.MEDIA_RETENTION,
      s3: bucketOf(variables),
    },
  };
}

export type GenerationConfig = ReturnType<typeof toGenerationConfig>;

function endpointPolicy({ WEBHOOK_NETWORKS: isInNetworks }: GenerationVariables): EndpointPolicy {
  return {
    isAllowedAddress: (address) => isPublicAddress(address) || isInNetworks?.(address) === true,
    allowsHttp: isInNetworks !== undefined,
  };
}

/** Ollama runs locally and accepts any key. */
const NO_KEY = 'none';

function providerAccess(variables: GenerationVariables): Partial<Record<ProviderKey, ProviderAccess>> {
  const access: Partial<Record<ProviderKey, ProviderAccess>> = {};
  for (const provider of PROVIDERS) {
    const name = provider.toUpperCase() as Uppercase<ProviderKey>;
    const url = variables[`${name}_BASE_URL`];
    const key = name === 'OLLAMA' ? NO_KEY : variables[`${name}_API_KEY`];
    if (url !== undefined && key !== undefined) access[provider] = { baseUrl: url, apiKey: key };
  }
  return access;
}
