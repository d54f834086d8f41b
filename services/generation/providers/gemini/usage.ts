import { outputTokens, type Units } from '#libs/pricing/units.ts';
import { readTier } from '../domain/service-tier.ts';
import { readCount, remainder } from '../token-count.ts';
import type { GeminiResponse } from './wire.ts';

type WireUsage = {
  promptTokenCount?: unknown;
  toolUsePromptTokenCount?: unknown;
  cachedContentTokenCount?: unknown;
  candidatesTokenCount?: unknown;
  thoughtsTokenCount?: unknown;
  totalTokenCount?: unknown;
  serviceTier?: unknown;
};

/**
 * Gemini's accounting: `promptTokenCount` includes cached content; `candidatesTokenCount` excludes thoughts. Gemini omits
 * zero counts, so a missing candidate count means that nothing was written yet. A total above the parts counts as output.
 *
 * @see https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function geminiUnits(usage: unknown): Units | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const wire = usage as WireUsage;
  const prompt = readCount(wire.promptTokenCount);
  if (prompt === undefined) return undefined;
  const cached = readCount(wire.cachedContentTokenCount);
  const thoughts = readCount(wire.thoughtsTokenCount);
  const toolUse = readCount(wire.toolUsePromptTokenCount) ?? 0;
  const written = readCount(wire.candidatesTokenCount) ?? 0;
  const total = readCount(wire.totalTokenCount) ?? 0;
  return {
    input: remainder(prompt, cached) + toolUse,
    ...(cached !== undefined && { cache_read: cached }),
    output: Math.max(written, remainder(total, prompt, toolUse, thoughts)),
    ...(thoughts !== undefined && { reasoning: thoughts }),
  };
}

/** The tier that served the call. */
export function geminiTier({ usageMetadata }: GeminiResponse): string | null {
  return readTier((usageMetadata as WireUsage | null | undefined)?.serviceTier);
}

/** All output that one report mentions. */
export function geminiOutput(usage: unknown): number | undefined {
  const units = geminiUnits(usage);
  return units && outputTokens(units);
}
