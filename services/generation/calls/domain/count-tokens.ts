import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { overheadTokens, promptTexts, structuredTexts } from '#libs/pipelines/prompt-bound.ts';
import { hasMedia } from '#libs/pipelines/prompt-parts.ts';
import type { Tokenizer } from '#libs/pricing/model.ts';
import { countTokens as countExactly } from '#libs/tokens/count-tokens.ts';

/** For models without a public tokenizer. English text has 4 to 5 bytes per token, so this overestimates. */
const BYTES_PER_TOKEN = 3;

export type CountedTokens = { tokens: number; isExact: boolean };

/** Whether {@link countTokens} is exact. */
export function hasPublicTokenizer(provider: string): boolean {
  return provider === 'openai';
}

/** Counts the tokens of a text. @param enough counting may stop once this many are found. */
export async function countTokens(
  text: string,
  provider: string,
  upstreamModel: string,
  enough?: number,
): Promise<CountedTokens> {
  if (!hasPublicTokenizer(provider))
    return { tokens: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN), isExact: false };
  return { tokens: await countExactly([text], tokenizerOf(upstreamModel), enough), isExact: true };
}

/**
 * Counts the tokens of a chat's prompt, including what a vendor may add to it. Tokens of images, documents and recordings
 * cannot be counted, so a prompt with any counts at its held bound.
 */
export async function countPrompt(
  request: ChatCompletionRequest,
  { provider, upstreamModel, inputTokens }: PlannedCall,
): Promise<number> {
  if (hasMedia(request)) return inputTokens;
  const text = [...promptTexts(request), ...structuredTexts(request)].join('\n');
  const { tokens } = await countTokens(text, provider, upstreamModel, inputTokens);
  return tokens + overheadTokens(request);
}

/** GPT-3.5, GPT-4 before 4o and the embedding models use the older encoding. */
function tokenizerOf(model: string): Tokenizer {
  return /^(?:gpt-(?:3\.5|4($|-))|text-embedding-)/.test(model) ? 'cl100k_base' : 'o200k_base';
}
