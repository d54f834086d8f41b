import { outputTokens, type Units } from '#libs/pricing/units.ts';
import { readCount, remainder } from '../token-count.ts';
import type { Vendor } from './vendors.ts';

type Details = Readonly<Record<string, unknown>> | null | undefined;

type WireUsage = {
  prompt_tokens?: unknown;
  completion_tokens?: unknown;
  total_tokens?: unknown;
  prompt_tokens_details?: Details;
  completion_tokens_details?: Details;
};

/**
 * OpenAI's accounting: `prompt_tokens` includes tokens read from and written to the cache, `completion_tokens` includes
 * reasoning. xAI excludes reasoning; the total shows whether it did. A total above the parts counts as output.
 *
 * @returns undefined unless both sides are reported: a partial usage must not count as complete.
 * @see https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
 */
export function openAiUnits(usage: unknown, vendor: Vendor): Units | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const wire = usage as WireUsage;
  const prompt = readCount(wire.prompt_tokens);
  const completion = readCount(wire.completion_tokens);
  if (prompt === undefined || completion === undefined) return undefined;
  const cacheRead = readCount(wire.prompt_tokens_details?.cached_tokens);
  const cacheWrite = readCount(wire.prompt_tokens_details?.cache_write_tokens);
  const reasoning = readCount(wire.completion_tokens_details?.reasoning_tokens);
  const audio = readCount(wire.prompt_tokens_details?.audio_tokens);
  const total = readCount(wire.total_tokens) ?? 0;
  const isExcluded = vendor.excludesReasoning && total !== prompt + completion;
  const written = isExcluded ? completion : remainder(completion, reasoning);
  return {
    input: remainder(prompt, cacheRead, cacheWrite, audio),
    ...(cacheRead !== undefined && { cache_read: cacheRead }),
    ...(cacheWrite !== undefined && { cache_write: cacheWrite }),
    ...(audio && { input_audio: audio }),
    // tokens of the total that are in no part were produced all the same
    output: Math.max(written, remainder(total, prompt, reasoning)),
    ...(reasoning !== undefined && { reasoning }),
  };
}

/** All output that one report mentions. */
export function openAiOutput(usage: unknown, vendor: Vendor): number | undefined {
  const units = openAiUnits(usage, vendor);
  return units && outputTokens(units);
}
