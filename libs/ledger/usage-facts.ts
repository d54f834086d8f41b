import type { CostParts } from '#libs/pricing/price.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { CallFacts } from './types.ts';

/** The facts about what a call used and cost: token classes in columns of their own, all other units by class. */
export function usageFacts(
  { input, cache_read, cache_write, output, reasoning, ...others }: Units,
  { inputNanoUsd, outputNanoUsd }: CostParts,
): Pick<
  CallFacts,
  | 'inputTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'outputTokens'
  | 'reasoningTokens'
  | 'otherUnits'
  | 'inputCostNanoUsd'
  | 'outputCostNanoUsd'
> {
  return {
    inputTokens: input,
    cacheReadTokens: cache_read,
    cacheWriteTokens: cache_write,
    outputTokens: output,
    reasoningTokens: reasoning,
    otherUnits: others as Record<string, number>,
    inputCostNanoUsd: inputNanoUsd,
    outputCostNanoUsd: outputNanoUsd,
  };
}
