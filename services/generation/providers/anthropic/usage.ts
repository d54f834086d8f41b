import type { Units } from '#libs/pricing/units.ts';
import { readCount, remainder } from '../token-count.ts';

type WireUsage = {
  input_tokens?: unknown;
  output_tokens?: unknown;
  cache_read_input_tokens?: unknown;
  cache_creation_input_tokens?: unknown;
  cache_creation?: { ephemeral_1h_input_tokens?: unknown } | null;
  output_tokens_details?: { thinking_tokens?: unknown } | null;
};

/**
 * Anthropic's accounting: `input_tokens` excludes tokens read from or written to the cache; `output_tokens` includes
 * thinking. Tokens stored for an hour are part of those written, and cost more.
 *
 * @see https://docs.anthropic.com/en/api/messages#response-usage
 */
export function anthropicUnits(usage: unknown): Units | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const wire = usage as WireUsage;
  const input = readCount(wire.input_tokens);
  const total = readCount(wire.output_tokens);
  if (input === undefined || total === undefined) return undefined;
  const cacheRead = readCount(wire.cache_read_input_tokens);
  const cacheWrite = readCount(wire.cache_creation_input_tokens);
  const cacheWriteHour = readCount(wire.cache_creation?.ephemeral_1h_input_tokens);
  const thinking = readCount(wire.output_tokens_details?.thinking_tokens);
  return {
    input,
    ...(cacheRead !== undefined && { cache_read: cacheRead }),
    ...(cacheWrite !== undefined && { cache_write: remainder(cacheWrite, cacheWriteHour) }),
    ...(cacheWriteHour && { cache_write_1h: cacheWriteHour }),
    output: remainder(total, thinking),
    ...(thinking !== undefined && { reasoning: thinking }),
  };
}
