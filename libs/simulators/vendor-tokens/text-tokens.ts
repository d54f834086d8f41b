/** Tokens of texts, with the vendors' own encodings and independent of the product's bounds. */
import { createRequire } from 'node:module';

type Encoding = 'o200k_base' | 'cl100k_base';
type Encoder = { encode: (text: string, options: { disallowedSpecial: Set<string> }) => number[] };

/** `documented` counts as the vendor describes it; `most` takes the largest value that the description allows. */
export type CountMode = 'documented' | 'most';

/** @returns the tokens of a text. */
export type TextCounter = (text: string) => number;

/** Loaded at the first use: the tables take 60 ms each, and most simulators never count. */
const load = createRequire(import.meta.url);
const NO_SPECIAL = { disallowedSpecial: new Set<string>() };

export function encodingCounter(encoding: Encoding): TextCounter {
  const { encode } = load(`gpt-tokenizer/encoding/${encoding}`) as Encoder;
  return (text) => encode(text, NO_SPECIAL).length;
}

/** GPT-3.5, and GPT-4 before 4o, use the older encoding: https://github.com/openai/tiktoken */
export function openAiCounter(model: string): TextCounter {
  return encodingCounter(/^gpt-(3\.5|4($|-))/.test(model) ? 'cl100k_base' : 'o200k_base');
}

/**
 * A vendor whose tokenizer is not public. Its texts have `factor` times as many tokens as with OpenAI's encoding; at most
 * one for each byte, of the text or of its NFKC form.
 */
export function unpublishedCounter(mode: CountMode, factor: number): TextCounter {
  const most = (text: string) => Math.max(new Blob([text]).size, new Blob([text.normalize('NFKC')]).size);
  if (mode === 'most') return most;
  const count = encodingCounter('o200k_base');
  return (text) => Math.min(most(text), Math.ceil(count(text) * factor));
}
