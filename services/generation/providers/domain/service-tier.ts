/**
 * The tier whose prices the price book has, as providers report it. It is requested explicitly: without that, a setting of
 * the project decides.
 *
 * - OpenAI: `service_tier: default` (https://platform.openai.com/docs/api-reference/chat/create)
 * - xAI: `service_tier: default` (https://docs.x.ai/developers/advanced-api-usage/priority-processing)
 * - Anthropic: `service_tier: standard_only`, reported as `standard` (https://platform.claude.com/docs/en/api/service-tiers)
 *
 * Gemini serves its standard tier unless another is requested, which Inkmeter never does; Mistral and Ollama have none.
 */
const PRICED_TIERS: Readonly<Record<string, string>> = {
  openai: 'default',
  xai: 'default',
  anthropic: 'standard',
};

/** @returns the reported tier if it is not the one whose prices apply; null if it is, or if none was reported. */
export function unexpectedTier(provider: string, reported: string | null): string | null {
  const priced = PRICED_TIERS[provider];
  return priced === undefined || reported === null || reported === priced ? null : reported;
}

/** A tier as reported on the wire; null if there is none. */
export function readTier(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
