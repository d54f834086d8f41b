import { setImmediate as nextTurn } from 'node:timers/promises';
import { countTokens as countCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as countO200k } from 'gpt-tokenizer/encoding/o200k_base';

/** Marks such as `<|endoftext|>` in a text are text like any other. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/** Merging a long run without blanks is slow; a cut costs at most one token too many. */
const SLICE_CHARACTERS = 1_024;
const SLICES_PER_TURN = 4;

/** Without a public tokenizer. English has 4 to 5 bytes a token, so this errs towards too many. */
const BYTES_PER_TOKEN = 3;

export type CountedTokens = { tokens: number; isExact: boolean };

/** Counts what a model wrote. Long texts are counted in slices, between which others get their turn. */
export async function countTokens(
  text: string,
  provider: string,
  upstreamModel: string,
): Promise<CountedTokens> {
  const count = provider === 'openai' ? counterOf(upstreamModel) : null;
  if (count === null) return { tokens: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN), isExact: false };
  let tokens = 0;
  for (let start = 0, slices = 1; start < text.length; start += SLICE_CHARACTERS, slices += 1) {
    tokens += count(text.slice(start, start + SLICE_CHARACTERS), AS_TEXT);
    if (slices % SLICES_PER_TURN === 0) await nextTurn();
  }
  return { tokens, isExact: true };
}

/** GPT-3.5 and GPT-4 before 4o have the older encoding. */
function counterOf(model: string): typeof countO200k {
  return /^gpt-(3\.5|4($|-))/.test(model) ? countCl100k : countO200k;
}
