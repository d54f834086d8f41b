import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/work.ts';
import { countImages, overheadTokens, promptTexts } from '#libs/pipelines/prompt-bound.ts';
import type { Tokenizer } from '#libs/pricing/model.ts';
import { countTokens as countExactly } from '#libs/tokens/count-tokens.ts';

/** Without a public tokenizer. English has 4 to 5 bytes a token, so this errs towards too many. */
const BYTES_PER_TOKEN = 3;

export type CountedTokens = { tokens: number; isExact: boolean };

/** Counts what a model wrote or read, up to what is enough: whether it is any more does not matter then. */
export async function countTokens(
  text: string,
  provider: string,
  upstreamModel: string,
  enough?: number,
): Promise<CountedTokens> {
  if (provider !== 'openai')
    return { tokens: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN), isExact: false };
  return { tokens: await countExactly([text], tokenizerOf(upstreamModel), enough), isExact: true };
}

/**
 * The tokens of a chat's prompt with all that a vendor may wrap around it. What an image comes to cannot be counted, so a
 * prompt with one has what was held.
 */
export async function countPrompt(
  request: ChatCompletionRequest,
  { provider, upstreamModel, inputTokens }: PlannedCall,
): Promise<number> {
  if (countImages(request) > 0) return inputTokens;
  const text = [...promptTexts(request)].join('\n');
  const { tokens } = await countTokens(text, provider, upstreamModel, inputTokens);
  return tokens + overheadTokens(request);
}

/** GPT-3.5 and GPT-4 before 4o have the older encoding. */
function tokenizerOf(model: string): Tokenizer {
  return /^gpt-(3\.5|4($|-))/.test(model) ? 'cl100k_base' : 'o200k_base';
}
