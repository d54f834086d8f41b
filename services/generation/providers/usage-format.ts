import { promptTokens, type Units } from '#libs/pricing/units.ts';
import type { AnswerUsage } from './domain/chat-format.ts';

/** Our disjoint classes in OpenAI's accounting: the prompt includes cached tokens, the completion includes reasoning. */
export function toOpenAiUsage(units: Units): AnswerUsage {
  const prompt = promptTokens(units);
  const written = (units.cache_write ?? 0) + (units.cache_write_1h ?? 0);
  const completion = (units.output ?? 0) + (units.reasoning ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: units.cache_read ?? 0,
      ...(written > 0 && { cache_write_tokens: written }),
      ...(units.cache_write_1h && { cache_write_1h_tokens: units.cache_write_1h }),
    },
    completion_tokens_details: { reasoning_tokens: units.reasoning ?? 0 },
  };
}
