/**
 * Exact token counts, for requests whose cheap bound does not fit. A tokenizer is synchronous and a prompt may be a
 * megabyte, so the text is counted in slices with turns of the event loop between them. Concurrent counts run one after
 * another, or each turn would hold a slice of every one of them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { byteBound } from '#libs/pipelines/byte-bound.ts';
import type { Tokenizer } from '#libs/pricing/model.ts';

/** Loaded at the first use, because most processes never count exactly. */
const ENCODINGS = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base'),
} as const;

/** About two milliseconds of work. */
const SLICE_CHARACTERS = 8192;
/** A slice ends with a word, so it may be shorter. */
const CHARACTERS_PER_TURN = SLICE_CHARACTERS / 2;
/** Byte-pair merging is quadratic in the length of a run without breaks; longer runs are counted by their bytes. */
const LONGEST_RUN_CHARACTERS = 1024;

/** Special tokens such as `<|endoftext|>` are counted as text. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/** The longest token of either encoding. */
export const LONGEST_TOKEN_BYTES = 128;

/**
 * Loads the encodings before the first count. Their tables take 60 ms each, and a second on a busy machine, in which the
 * process does nothing else.
 */
export async function loadEncodings(): Promise<void> {
  for (const load of Object.values(ENCODINGS)) await load();
}

let queue: Promise<unknown> = Promise.resolve();
/** Across all queued counts: many short texts are as much work as a long one. */
let charactersThisTurn = 0;

/**
 * An upper bound of the tokens in the texts; exact where the model's tokenizer is public and the text has spaces.
 *
 * @param enough stops counting at this many tokens.
 */
export function countTokens(
  texts: Iterable<string>,
  tokenizer: Tokenizer | null,
  enough = Number.POSITIVE_INFINITY,
): Promise<number> {
  const count = queue.then(() => countInTurn(texts, tokenizer, enough));
  queue = count.catch(() => undefined);
  return count;
}

async function countInTurn(
  texts: Iterable<string>,
  tokenizer: Tokenizer | null,
  enough: number,
): Promise<number> {
  const encoding = tokenizer === null ? null : await ENCODINGS[tokenizer]();
  let tokens = 0;
  for (const text of texts) {
    if (encoding === null) {
      tokens += byteBound(text);
      continue;
    }
    for (const slice of slices(text)) {
      tokens += countSlice(slice, encoding.encode);
      charactersThisTurn += slice.length;
      if (charactersThisTurn >= CHARACTERS_PER_TURN) {
        await nextTurn();
        charactersThisTurn = 0;
      }
      if (tokens >= enough) return tokens;
    }
  }
  return tokens;
}

function countSlice(slice: string, encode: (text: string, options: typeof AS_TEXT) => number[]): number {
  if (hasLongRun(slice)) return Buffer.byteLength(slice);
  return encode(slice, AS_TEXT).length;
}

const LONG_RUN = new RegExp(`\\S{${LONGEST_RUN_CHARACTERS}}|\\s{${LONGEST_RUN_CHARACTERS}}`);

function hasLongRun(slice: string): boolean {
  return slice.length >= LONGEST_RUN_CHARACTERS && LONG_RUN.test(slice);
}

/**
 * Cuts before a single space between two words. Both encodings split there before they merge bytes, so the counts of the
 * slices add up to the count of the text.
 */
function* slices(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > SLICE_CHARACTERS) {
    const end = lastWordBreak(text, start, start + SLICE_CHARACTERS);
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}

const LETTER = /\p{L}/u;

function lastWordBreak(text: string, start: number, end: number): number {
  for (let i = end; i > start + 1; i -= 1) {
    if (text[i] === ' ' && LETTER.test(text[i - 1] ?? '') && LETTER.test(text[i + 1] ?? '')) return i;
  }
  // There is no word break. Keep a surrogate pair together; hasLongRun counts such a slice by its bytes.
  return text.charCodeAt(end - 1) >= 0xd800 && text.charCodeAt(end - 1) <= 0xdbff ? end - 1 : end;
}
