/** The plan of a chat completion: one provider call. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { CHATS_METER, outputCap, planChat } from '#libs/pipelines/chat.ts';
import { fixedPromptBound, promptTexts, textBound } from '#libs/pipelines/prompt-bound.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds, Prompt } from '../metering/domain/route.ts';
import { readsParts } from './domain/check-parts.ts';

/** A shorter completion is not worth its prompt. */
const SMALLEST_OUTPUT_TOKENS = 16;

/** @throws ProblemError `unsupported_parameter` */
export function planChatCompletion(
  check: EntitlementCheck<ChatCompletionRequest>,
  bounds: PlanBounds,
): CallPlan {
  const { body, entitlements } = check;
  const { info, wire } = requiredModel(check, 'text');
  requireCapabilities(body, info);
  const cap = outputCap(body, info, entitlements.outputTokensCap.value);
  const outputTokens = Math.max(Math.min(cap, SMALLEST_OUTPUT_TOKENS), Math.floor(cap * bounds.scale));
  const isCounted = entitlements.limits.some(({ meter }) => meter === CHATS_METER);
  const counts = isCounted ? { [CHATS_METER]: 1 } : {};
  return planChat(body, info, wire, { inputTokens: bounds.promptTokens, outputTokens }, counts);
}

/** @param plan the unscaled plan. */
export function smallestChatScale({ calls: [call] }: CallPlan): number {
  return call === undefined ? 1 : Math.min(1, SMALLEST_OUTPUT_TOKENS / call.outputTokens);
}

export function chatPrompt(check: EntitlementCheck<ChatCompletionRequest>): Prompt {
  const { body } = check;
  const { info } = requiredModel(check, 'text');
  const fixedBound = fixedPromptBound(body, info);
  return {
    contextWindow: info.contextWindow,
    enforcesWindow: info.enforcesWindow === true,
    byteBound: fixedBound + textBound(body),
    fixedBound,
    texts: promptTexts(body),
    tokenizer: info.tokenizer,
  };
}

/** The first parameter of a request that a model does not support. */
function unsupportedParameter(body: ChatCompletionRequest, { capabilities }: ModelInfo): string | undefined {
  if (body.tools !== undefined && !capabilities.tools) return 'tools';
  return body.stream && !capabilities.streaming ? 'stream' : undefined;
}

/** Whether a model supports everything a request uses. */
export function canCompleteChat(body: ChatCompletionRequest, model: ModelInfo): boolean {
  return readsParts(body, model) && unsupportedParameter(body, model) === undefined;
}

function requireCapabilities(body: ChatCompletionRequest, info: ModelInfo): void {
  const param = unsupportedParameter(body, info);
  if (param === undefined) return;
  throw problem('unsupported_parameter', {
    detail: `The model ${info.model} does not support \`${param}\`.`,
    fields: { param, model: info.model },
  });
}
