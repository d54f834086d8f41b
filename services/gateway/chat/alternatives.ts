/** Other models that may answer a chat whose client leaves the choice to us. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PricedModel } from '../prices/domain.ts';
import { adaptToModel } from './adapt-to-model.ts';
import { canCompleteChat } from './capabilities.ts';

type ChatCheck = EntitlementCheck<ChatCompletionRequest>;

/** Whether a model takes the whole request as it is. */
function takes(body: ChatCompletionRequest, model: PricedModel): boolean {
  return canCompleteChat(body, model.info) && adaptToModel(body, model).body === body;
}

/** The models that answer, in this order, if the first fails before it has produced anything. */
export function fallbackModels({ body, chains }: ChatCheck): PricedModel[] {
  return (chains?.writer ?? []).slice(1).filter((model) => takes(body, model));
}

/**
 * The same chat for less, the nearest first: without the reserve for fallbacks, then by the cheaper models of the plan. None
 * if the client named the model.
 */
export function cheaperChats(check: ChatCheck): ChatCheck[] {
  const { body, chains, cheaper = [], models } = check;
  if (chains === undefined) return [];
  const { chains: _, ...alone } = check;
  return [requiredModel(check, 'text'), ...cheaper.filter((model) => takes(body, model))].map((text) => ({
    ...alone,
    models: { ...models, text },
  }));
}
