import { z } from 'zod';
import { durationMs, httpUrl, integer } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import type { CallRunner } from './calls/run-call.ts';
import { PROVIDERS, type ProviderAccess, type ProviderKey } from './providers/registry.ts';

const DEFAULT_PORT = 8083;

/** More than the gateway accepts, which has the say. */
const DEFAULT_BODY_LIMIT = '32mb';

const service = serviceVariables(DEFAULT_PORT);

const apiKey = (provider: string) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe(`Key of the ${provider} API; without one its models cannot be called`);

const baseUrl = (url: string) => httpUrl().prefault(url).describe('Where its API is');

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
  OLLAMA_BASE_URL: httpUrl()
    .optional()
    .describe(
      'Where Ollama serves its OpenAI-compatible API, such as http://127.0.0.1:11434/v1; it takes no key',
    ),

  PROVIDER_TIMEOUT: durationMs()
    .prefault('5m')
    .describe('Longest wait for an answer of a provider, or for the first piece of a stream'),
  PROVIDER_IDLE_TIMEOUT: durationMs()
    .prefault('60s')
    .describe('Longest silence of a provider inside a stream'),
  PROVIDER_CONNECT_TIMEOUT: durationMs()
    .prefault('5s')
    .describe('Longest wait for a connection to a provider'),
  PROVIDER_CONNECTIONS: integer({ min: 1 })
    .prefault('4096')
    .describe('Connections to one provider at most; each carries one call at a time'),
  PROVIDER_ATTEMPTS: integer({ min: 1, max: 10 })
    .prefault('3')
    .describe('Attempts at a provider call that failed before it produced (or cost) anything'),
  PROVIDER_RETRY_DELAY: durationMs()
    .prefault('500ms')
    .describe('Longest pause before the second attempt; doubled for each one after'),
  PROVIDER_RETRY_DELAY_LIMIT: durationMs()
    .prefault('8s')
    .describe('A provider that asks for a longer pause than this is not asked again'),
  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('Where billing listens'),
  SOCIAL_PUBLISHER_URL: httpUrl()
    .optional()
    .describe(
      'Where the service is that publishes posts to social networks; without one none can be published',
    ),
  DEADLINE_MARGIN: durationMs()
    .prefault('10s')
    .describe('Work ends this long before its hold expires, so that it is settled in time'),
});

export type GenerationVariables = z.output<typeof configSchema>;

/** The configuration, grouped by who needs it. */
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
    } satisfies Omit<CallRunner, 'metrics' | 'random'>,
    deadlineMarginMs: variables.DEADLINE_MARGIN,
  };
}

export type GenerationConfig = ReturnType<typeof toGenerationConfig>;

/** Ollama runs on one's own machine and takes any key. */
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
