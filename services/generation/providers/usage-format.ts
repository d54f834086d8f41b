import { promptTokens, type Units } from '#libs/pricing/units.ts';
import type { AnswerUsage } from './domain/chat-format.ts';

/** Our disjoint classes in OpenAI's accounting: the prompt includes cached tokens, the completion includes reasoning. */
export function toOpenAiUsage(units: Units): AnswerUsage {
  const prompt = promptTokens(units);
  const completion = (units.output ?? 0) + (units.reasoning ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: units.cache_read ?? 0 },
    completion_tokens_details: { reasoning_tokens: units.reasoning ?? 0 },
  };
}
