import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import { requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { adaptToModel } from './adapt-to-model.ts';
import { cheaperChats } from './alternatives.ts';
import { canCompleteChat } from './capabilities.ts';
import { requireReadableParts } from './domain/check-parts.ts';
import { chatPrompt, planChatCompletion, smallestChatScale } from './plan.ts';

/** `POST /v1/chat/completions`: one provider call, in OpenAI's format for every provider. */
export const chatCompletionRoute = {
  operation: createChatCompletion,
  rateLimitClass: ({ stream = false }) => ({ generation: false, stream: stream ?? false }),
  canServe: canCompleteChat,
  adapt: (check) => {
    const model = requiredModel(check, 'text');
    requireReadableParts(check.body, model.info);
    return adaptToModel(check.body, model);
  },
  plan: planChatCompletion,
  cheaper: cheaperChats,
  prompt: chatPrompt,
  smallestScale: smallestChatScale,
  responseHeaders: ({ calls: [call] }, scale): Record<string, string> =>
    scale < 1 ? { 'x-inkmeter-fitted-output-tokens': String(call?.outputTokens) } : {},
} satisfies MeteredRoute<ChatCompletionRequest>;
