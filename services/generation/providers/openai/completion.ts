import type { ChatCompletion } from '../domain/chat-format.ts';
import { ProviderError } from '../domain/provider-error.ts';

/** Validates an answer. @throws ProviderError `malformed` if it has no choices. */
export function checkCompletion(answer: unknown): ChatCompletion {
  const completion = answer as Partial<ChatCompletion> | null;
  if (typeof completion !== 'object' || completion === null || !Array.isArray(completion.choices)) {
    throw new ProviderError('malformed', "The provider's answer has no choices.");
  }
  return completion as ChatCompletion;
}
