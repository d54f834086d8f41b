/** Embeddings: the inputs of a request, and their bounds. */
import type { EmbeddingRequest } from '#libs/contracts/embeddings.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { byteBound } from './byte-bound.ts';

export const EMBEDDING_STEP = 'embedding';

/** A text, or token ids. */
export type EmbeddingInput = string | readonly number[];

/** Around each input: marks of its beginning and end, and Gemini's task. */
const INPUT_OVERHEAD = 16;

/** The inputs in their order; token ids alone are one input. */
export function inputsOf({ input }: Pick<EmbeddingRequest, 'input'>): readonly EmbeddingInput[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as EmbeddingInput[]);
}

/** Upper bound of everything except the texts. */
export function fixedEmbeddingBound(inputs: readonly EmbeddingInput[]): number {
  let tokens = inputs.length * INPUT_OVERHEAD;
  for (const input of inputs) if (typeof input !== 'string') tokens += input.length;
  return tokens;
}

export function embeddingBound(inputs: readonly EmbeddingInput[]): number {
  let tokens = fixedEmbeddingBound(inputs);
  for (const input of inputs) if (typeof input === 'string') tokens += byteBound(input);
  return tokens;
}

export function planEmbedding(model: ModelInfo, price: ModelPriceWire, inputTokens: number): CallPlan {
  return {
    kind: 'embedding',
    calls: [
      {
        index: 0,
        step: EMBEDDING_STEP,
        provider: model.provider,
        model: model.model,
        upstreamModel: model.upstreamModel,
        inputTokens,
        outputTokens: 0,
        choices: 1,
        otherUnits: {},
        counts: {},
        price,
        hiddenReasoning: false,
      },
    ],
  };
}
