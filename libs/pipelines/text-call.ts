/** How a pipeline plans a provider call that writes a text. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';

/** Reasoning counts against the same cap as the text. */
const REASONING_OUTPUT_TOKENS = 1_024;

/** Providers whose reasoning models all accept a reasoning effort. */
const EFFORT_PROVIDERS: ReadonlySet<string> = new Set(['openai', 'anthropic', 'gemini']);

/** A text model and the price in force. */
export type TextModel = { readonly model: ModelInfo; readonly price: ModelPriceWire };

/** The output tokens that a text needs with a model, including its reasoning. */
export function textTokens({ capabilities }: ModelInfo, visibleTokens: number): number {
  return visibleTokens + (capabilities.reasoning ? REASONING_OUTPUT_TOKENS : 0);
}

/** @param bounds upper bound of the prompt's tokens, and the output cap. */
export function planTextCall(
  { model, price }: TextModel,
  step: { index: number; step: string; counts: Readonly<Record<string, number>> },
  bounds: { inputTokens: number; outputTokens: number },
): PlannedCall {
  return {
    index: step.index,
    step: step.step,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: Math.min(bounds.inputTokens, model.contextWindow - bounds.outputTokens),
    outputTokens: bounds.outputTokens,
    choices: 1,
    otherUnits: {},
    counts: step.counts,
    price,
    ...(model.capabilities.reasoning && EFFORT_PROVIDERS.has(model.provider) && { reasoningEffort: 'low' }),
  };
}
