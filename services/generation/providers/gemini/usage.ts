import type { Units } from '#libs/pricing/units.ts';
import { readCount, remainder } from '../token-count.ts';

type WireUsage = {
  promptTokenCount?: unknown;
  toolUsePromptTokenCount?: unknown;
  cachedContentTokenCount?: unknown;
  candidatesTokenCount?: unknown;
  thoughtsTokenCount?: unknown;
};

/**
 * Gemini's accounting: `promptTokenCount` includes cached content; `candidatesTokenCount` excludes thoughts. Gemini omits
 * zero counts, so a missing candidate count means that nothing was written yet.
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
  return {
    input: remainder(prompt, cached) + (readCount(wire.toolUsePromptTokenCount) ?? 0),
    ...(cached !== undefined && { cache_read: cached }),
    output: readCount(wire.candidatesTokenCount) ?? 0,
    ...(thoughts !== undefined && { reasoning: thoughts }),
  };
}
