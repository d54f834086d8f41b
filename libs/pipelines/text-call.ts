/** How a pipeline plans a provider call that writes a text. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';

/** Reasoning counts against the same cap as the text. */
const REASONING_OUTPUT_TOKENS = 1_024;

/** Providers whose reasoning models all accept a reasoning effort. */
const EFFORT_PROVIDERS: ReadonlySet<string> = new Set(['openai', 'anthropic', 'gemini']);

/** A text model and the price in force. */
export type TextModel = { readonly model: ModelInfo; readonly price: ModelPriceWire };

/** A model, and others that are called in this order if it fails. */
export type ModelChain = TextModel & { readonly fallbacks?: readonly TextModel[] };

/** The output tokens that a text needs with a model, including its reasoning. */
export function textTokens({ capabilities }: ModelInfo, visibleTokens: number): number {
  return visibleTokens + (capabilities.reasoning ? REASONING_OUTPUT_TOKENS : 0);
}

/**
 * @param bounds.promptTokens upper bound of the prompt's tokens without what is carried over.
 * @param bounds.carriedTokens room for the text of an earlier step, which is cut to what fits.
 * @param bounds.outputTokens the output cap.
 * @throws ProblemError `prompt_too_large` if the prompt does not fit into the model's context window.
 */
export function planTextCall(
  { model, price }: TextModel,
  step: { index: number; step: string; counts: Readonly<Record<string, number>> },
  bounds: { promptTokens: number; carriedTokens: number; outputTokens: number },
): PlannedCall {
  const largest = model.contextWindow - bounds.outputTokens;
  if (bounds.promptTokens > largest) throw problem('prompt_too_large');
  return {
    index: step.index,
    step: step.step,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: Math.min(bounds.promptTokens + bounds.carriedTokens, largest),
    outputTokens: bounds.outputTokens,
    choices: 1,
    otherUnits: {},
    counts: step.counts,
    price,
    hiddenReasoning: model.capabilities.reasoning,
    ...(model.capabilities.reasoning && EFFORT_PROVIDERS.has(model.provider) && { reasoningEffort: 'low' }),
  };
}

/** The call of a chain's first model, with those of the others behind it. */
export function planChain(
  { fallbacks = [], ...first }: ModelChain,
  plan: (model: TextModel) => PlannedCall,
): PlannedCall {
  const call = plan(first);
  const others = plansOfFallbacks(fallbacks, plan);
  return others.length === 0 ? call : { ...call, fallbacks: others };
}

/** A plan for each fallback that can serve the request: a model with a smaller context window may be none. */
export function plansOfFallbacks<Model, Plan>(
  models: readonly Model[],
  plan: (model: Model) => Plan,
): Plan[] {
  return models.flatMap((model) => {
    try {
      return [plan(model)];
    } catch (error) {
      if (error instanceof ProblemError) return [];
      throw error;
    }
  });
}
