/** The plan of a chat completion: one provider call, with fallbacks where we choose the model. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { CHATS_METER, outputCap, planChat } from '#libs/pipelines/chat.ts';
import { fixedPromptBound, promptBound, promptTexts, textsBound } from '#libs/pipelines/prompt-bound.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds, Prompt } from '../metering/domain/route.ts';
import { fallbackModels } from './alternatives.ts';
import { requireCapabilities } from './capabilities.ts';

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
  const plan = planChat(body, info, wire, { inputTokens: bounds.promptTokens, outputTokens }, counts);
  const fallbacks = plannedFallbacks(check, bounds, counts);
  return fallbacks.length === 0
    ? plan
    : { ...plan, calls: plan.calls.map((call) => ({ ...call, fallbacks })) };
}

/** None for a chat that only fits its limits with a closer bound or a lower cap. */
function plannedFallbacks(
  check: EntitlementCheck<ChatCompletionRequest>,
  { promptTokens, scale }: PlanBounds,
  counts: Readonly<Record<string, number>>,
): PlannedCall[] {
  const models = fallbackModels(check);
  if (models.length === 0 || scale < 1) return [];
  const { body, entitlements } = check;
  if (promptTokens < promptBound(body, requiredModel(check, 'text').info)) return [];
  return models.flatMap(({ info, wire }) => {
    const inputTokens = promptBound(body, info);
    if (inputTokens > info.contextWindow) return [];
    const outputTokens = outputCap(body, info, entitlements.outputTokensCap.value);
    return planChat(body, info, wire, { inputTokens, outputTokens }, counts).calls;
  });
}

/** @param plan the unscaled plan. */
export function smallestChatScale({ calls: [call] }: CallPlan): number {
  return call === undefined ? 1 : Math.min(1, SMALLEST_OUTPUT_TOKENS / call.outputTokens);
}

export function chatPrompt(check: EntitlementCheck<ChatCompletionRequest>): Prompt {
  const { body } = check;
  const { info } = requiredModel(check, 'text');
  const fixedBound = fixedPromptBound(body, info);
  const texts = promptTexts(body);
  return {
    contextWindow: info.contextWindow,
    enforcesWindow: info.enforcesWindow === true,
    byteBound: fixedBound + textsBound(texts),
    fixedBound,
    texts,
    tokenizer: info.tokenizer,
  };
}
