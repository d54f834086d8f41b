import type { ChatCompletion } from '../chat-format.ts';
import { ProviderError } from '../provider-error.ts';

/** An answer as one may rely on it. @throws ProviderError `malformed` when it has no choices. */
export function checkCompletion(answer: unknown): ChatCompletion {
  const completion = answer as Partial<ChatCompletion> | null;
  if (typeof completion !== 'object' || completion === null || !Array.isArray(completion.choices)) {
    throw new ProviderError('malformed', "The provider's answer has no choices.");
  }
  return completion as ChatCompletion;
}
