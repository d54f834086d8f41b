/** The plan of an embedding request: one provider call. */
import type { EmbeddingRequest } from '#libs/contracts/embeddings.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import {
  type EmbeddingInput,
  embeddingBound,
  fixedEmbeddingBound,
  inputsOf,
  planEmbedding,
} from '#libs/pipelines/embedding.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds, Prompt } from '../metering/domain/route.ts';

/** Inputs of one call, where a vendor takes fewer than OpenAI. https://ai.google.dev/api/embeddings */
const MAX_INPUTS: Readonly<Record<string, number>> = { gemini: 100 };
/** Tokens of one request. https://platform.openai.com/docs/api-reference/embeddings/create */
const MAX_REQUEST_TOKENS = 300_000;
/** Providers whose models all have vectors of one length. */
const FIXED_LENGTH: ReadonlySet<string> = new Set(['mistral']);

/** @throws ProblemError `unsupported_parameter` */
export function planEmbeddings(check: EntitlementCheck<EmbeddingRequest>, bounds: PlanBounds): CallPlan {
  const { info, wire } = requiredModel(check, 'embedding');
  requireSupport(check.body, info);
  return planEmbedding(info, wire, bounds.promptTokens);
}

/**
 * Models without a public tokenizer have no window here: the bytes of a long text say little about its tokens, the hold
 * covers them all, and the provider refuses or shortens what is too long.
 */
export function embeddingPrompt(check: EntitlementCheck<EmbeddingRequest>): Prompt {
  const { info } = requiredModel(check, 'embedding');
  const inputs = inputsOf(check.body);
  const byteBound = embeddingBound(inputs);
  return {
    enforcesWindow: false,
    contextWindow: info.tokenizer === null ? byteBound : windowOf(info, inputs),
    byteBound,
    fixedBound: fixedEmbeddingBound(inputs),
    texts: inputs.filter((input) => typeof input === 'string'),
    tokenizer: info.tokenizer,
  };
}

function windowOf({ contextWindow }: ModelInfo, inputs: readonly EmbeddingInput[]): number {
  return Math.min(contextWindow * inputs.length, MAX_REQUEST_TOKENS) + fixedEmbeddingBound(inputs);
}

function requireSupport({ input, dimensions, task_type: task }: EmbeddingRequest, info: ModelInfo): void {
  const inputs = inputsOf({ input });
  const most = MAX_INPUTS[info.provider];
  if (most !== undefined && inputs.length > most) refuse('input', info, `at most ${most} inputs at a time`);
  if (info.provider !== 'openai' && inputs.some((one) => typeof one !== 'string')) {
    refuse('input', info, 'texts instead of token ids, which differ between vendors');
  }
  if (dimensions && FIXED_LENGTH.has(info.provider)) refuse('dimensions', info, 'no length of vectors');
  if (task && info.provider !== 'gemini') refuse('task_type', info, 'no task');
}

function refuse(param: string, { model }: ModelInfo, takes: string): never {
  const detail = `${param}: the model ${model} takes ${takes}.`;
  throw problem('unsupported_parameter', { detail, fields: { param, model } });
}
