/** The plan of a chat completion: one provider call. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { hasCacheMark, hasRecordings } from './prompt-parts.ts';

/**
 * The output cap sent to the provider: the client's, else the plan's, at most the model's.
 * @param outputTokensCap the plan's cap; null for the model's.
 */
export function outputCap(
  request: ChatCompletionRequest,
  model: ModelInfo,
  outputTokensCap: number | null,
): number {
  const wanted =
    request.max_completion_tokens ?? request.max_tokens ?? outputTokensCap ?? model.maxOutputTokens;
  return Math.min(wanted, model.maxOutputTokens);
}

export const CHAT_STEP = 'chat';

/** Counts chats in every wire format, for plans that limit or disable them. */
export const CHATS_METER = 'chat.requests';

/**
 * @param bounds upper bound of the prompt's tokens, and the output cap of each completion.
 * @param counts counted meters that it adds to.
 */
export function planChat(
  request: ChatCompletionRequest,
  model: ModelInfo,
  price: ModelPriceWire,
  bounds: { inputTokens: number; outputTokens: number },
  counts: Readonly<Record<string, number>> = {},
): CallPlan {
  return {
    kind: 'chat',
    calls: [
      {
        index: 0,
        step: CHAT_STEP,
        provider: model.provider,
        model: model.model,
        upstreamModel: model.upstreamModel,
        inputTokens: bounds.inputTokens,
        outputTokens: bounds.outputTokens,
        choices: request.n ?? 1,
        otherUnits: {},
        counts,
        price,
        hiddenReasoning: model.capabilities.reasoning,
        ...(hasCacheMark(request, '1h') && { cachesForAnHour: true }),
        ...(hasRecordings(request) && { hearsAudio: true }),
      },
    ],
  };
}
