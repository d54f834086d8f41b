import { problem } from '#libs/problems/problems.ts';
import { countTokens } from '#libs/tokens/count-tokens.ts';
import type { Prompt } from './domain/route.ts';

/**
 * The bound of a prompt's tokens: from its bytes, or counted if the bytes exceed the model's context window.
 * @returns 0 without a prompt.
 * @throws ProblemError `prompt_too_large` if the closest bound is above the context window. A provider might accept such a
 * prompt, so holding only the window would not be a bound.
 */
export async function boundWithinWindow(prompt: Prompt | undefined): Promise<number> {
  if (prompt === undefined) return 0;
  const { byteBound, contextWindow, tokenizer } = prompt;
  if (byteBound <= contextWindow) return byteBound;
  const bound = tokenizer === null ? byteBound : await countPrompt(prompt);
  if (bound <= contextWindow) return bound;
  throw problem('prompt_too_large');
}

/** The closer bound, with the texts counted. Counting stops when the prompt exceeds the context window. */
export async function countPrompt({ texts, tokenizer, fixedBound, contextWindow }: Prompt): Promise<number> {
  return fixedBound + (await countTokens(texts, tokenizer, contextWindow + 1));
}
