import { normaliseTier } from '#libs/pricing/service-tiers.ts';

/**
 * The tier whose prices the price book has, as providers report it. It is requested explicitly: without that, a setting of
 * the project decides.
 *
 * - OpenAI: `service_tier: default` (https://platform.openai.com/docs/api-reference/chat/create)
 * - xAI: `service_tier: default` (https://docs.x.ai/developers/advanced-api-usage/priority-processing)
 * - Anthropic: `service_tier: standard_only`, reported as `standard` (https://platform.claude.com/docs/en/api/service-tiers)
 * - Gemini: `serviceTier: standard` (https://ai.google.dev/gemini-api/docs/optimization)
 *
 * Mistral and Ollama have no tiers.
 */
const REQUESTED_TIERS: Readonly<Record<string, string>> = {
  openai: 'default',
  xai: 'default',
  anthropic: 'standard',
  gemini: 'standard',
};

/** @returns the reported tier if it is not the one that was requested; null if it is, or if none was reported. */
export function unexpectedTier(provider: string, reported: string | null): string | null {
  const requested = REQUESTED_TIERS[provider];
  if (requested === undefined || reported === null) return null;
  const tier = normaliseTier(reported);
  return tier === requested || tier === 'unspecified' ? null : tier;
}

/** A tier as reported on the wire; null if there is none. */
export function readTier(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
