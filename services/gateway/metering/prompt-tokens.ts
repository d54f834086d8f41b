import { problem } from '#libs/problems/problems.ts';
import { countTokens } from '#libs/tokens/count-tokens.ts';
import type { Prompt } from './domain/route.ts';

/** Long runs of the same character aside, no text has this many bytes per token. English has 4 to 5. */
const MOST_LIKELY_BYTES_PER_TOKEN = 8;

/**
 * The bound of a prompt's tokens: from its bytes, or counted if the bytes exceed the model's context window, or the window
 * itself if the provider enforces it.
 * @returns 0 without a prompt.
 * @throws ProblemError `prompt_too_large` if the closest bound is above a window that is not enforced, or if the prompt
 * hardly fits any window of this size. The provider might accept the former, so holding the window would not be a bound.
 */
export async function boundWithinWindow(prompt: Prompt | undefined): Promise<number> {
  if (prompt === undefined) return 0;
  const { byteBound, contextWindow, tokenizer } = prompt;
  if (byteBound <= contextWindow) return byteBound;
  const isCountable = tokenizer !== null && Number.isFinite(byteBound);
  const bound = isCountable ? await countPrompt(prompt) : byteBound;
  if (bound <= contextWindow) return bound;
  if (!isCountable && prompt.enforcesWindow && mayFit(prompt)) return contextWindow;
  throw problem('prompt_too_large');
}

function mayFit({ byteBound, fixedBound, contextWindow }: Prompt): boolean {
  const textBytes = Number.isFinite(byteBound) ? byteBound - fixedBound : 0;
  return textBytes <= contextWindow * MOST_LIKELY_BYTES_PER_TOKEN;
}

/** The closer bound, with the texts counted. Counting stops when the prompt exceeds the context window. */
export async function countPrompt({ texts, tokenizer, fixedBound, contextWindow }: Prompt): Promise<number> {
  return fixedBound + (await countTokens(texts, tokenizer, contextWindow + 1));
}
