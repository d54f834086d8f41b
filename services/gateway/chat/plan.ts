/** The plan of a chat completion: one provider call. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { outputCap, planChat } from '#libs/pipelines/chat.ts';
import { cheapPromptBound, countImages, promptBound } from '#libs/pipelines/prompt-bound.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds } from '../metering/domain/route.ts';

/** A shorter completion is not worth its prompt. */
const SMALLEST_OUTPUT_TOKENS = 16;

/** @throws ProblemError `unsupported_parameter`, `prompt_too_large` */
export function planChatCompletion(
  check: EntitlementCheck<ChatCompletionRequest>,
  bounds: PlanBounds,
): CallPlan {
  const { body, entitlements } = check;
  const { info, wire } = requiredModel(check, 'text');
  requireCapabilities(body, info);
  const cap = outputCap(body, info, entitlements.outputTokensCap.value);
  return planChat(body, info, wire, {
    inputTokens: inputBound(body, bounds, info),
    outputTokens: Math.max(Math.min(cap, SMALLEST_OUTPUT_TOKENS), Math.floor(cap * bounds.scale)),
  });
}

/** @param plan the unscaled plan. */
export function smallestChatScale({ calls: [call] }: CallPlan): number {
  return call === undefined ? 1 : Math.min(1, SMALLEST_OUTPUT_TOKENS / call.outputTokens);
}

function inputBound(
  body: ChatCompletionRequest,
  { bodyBytes, promptTokens }: PlanBounds,
  info: ModelInfo,
): number {
  if (promptTokens === undefined) return cheapPromptBound(body, bodyBytes, info);
  const inputTokens = promptBound(body, promptTokens, info);
  if (info.contextWindow > 0 && inputTokens > info.contextWindow * 2) throw problem('prompt_too_large');
  return Math.min(inputTokens, info.contextWindow);
}

/** The first parameter of a request that a model does not support. */
function unsupportedParameter(body: ChatCompletionRequest, { capabilities }: ModelInfo): string | undefined {
  if (body.tools !== undefined && !capabilities.tools) return 'tools';
  return body.stream && !capabilities.streaming ? 'stream' : undefined;
}

/** Whether a model supports everything a request uses. */
export function canCompleteChat(body: ChatCompletionRequest, model: ModelInfo): boolean {
  const canReadImages = model.capabilities.vision || countImages(body) === 0;
  return canReadImages && unsupportedParameter(body, model) === undefined;
}

function requireCapabilities(body: ChatCompletionRequest, info: ModelInfo): void {
  const param = unsupportedParameter(body, info);
  if (param === undefined) return;
  throw problem('unsupported_parameter', {
    detail: `The model ${info.model} does not support \`${param}\`.`,
    fields: { param, model: info.model },
  });
}
