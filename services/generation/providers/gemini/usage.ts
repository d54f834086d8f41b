import { outputTokens, type Units } from '#libs/pricing/units.ts';
import { readTier } from '../domain/service-tier.ts';
import { objectsIn } from '../json.ts';
import { readCount, remainder } from '../token-count.ts';
import type { GeminiResponse } from './wire.ts';

type WireUsage = {
  promptTokenCount?: unknown;
  toolUsePromptTokenCount?: unknown;
  cachedContentTokenCount?: unknown;
  candidatesTokenCount?: unknown;
  thoughtsTokenCount?: unknown;
  totalTokenCount?: unknown;
  promptTokensDetails?: unknown;
  cacheTokensDetails?: unknown;
  serviceTier?: unknown;
};

/**
 * Gemini's accounting: `promptTokenCount` includes cached content; `candidatesTokenCount` excludes thoughts. Gemini omits
 * zero counts, so a missing candidate count means that nothing was written yet. A total above the parts counts as output. Audio has a class of its own, cached or not.
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
  const audio = Math.min(prompt, audioIn(wire.promptTokensDetails));
  const cachedText = cached && remainder(cached, audioIn(wire.cacheTokensDetails));
  return {
    input: remainder(prompt, cachedText, audio) + toolUse,
    ...(cachedText !== undefined && { cache_read: cachedText }),
    ...(audio > 0 && { input_audio: audio }),
    output: Math.max(written, remainder(total, prompt, toolUse, thoughts)),
    ...(thoughts !== undefined && { reasoning: thoughts }),
  };
}

/** https://ai.google.dev/api/generate-content#ModalityTokenCount */
function audioIn(details: unknown): number {
  return objectsIn(details)
    .filter(({ modality }) => modality === 'AUDIO')
    .reduce((tokens, { tokenCount }) => tokens + (readCount(tokenCount) ?? 0), 0);
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
