/** How texts and queries become what PostgreSQL's full-text search compares. */

/** PostgreSQL's configurations with a stemmer, by language (ISO 639-1). */
const CONFIGURATIONS: Readonly<Record<string, string>> = {
  ar: 'arabic',
  hy: 'armenian',
  eu: 'basque',
  ca: 'catalan',
  da: 'danish',
  nl: 'dutch',
  en: 'english',
  fi: 'finnish',
  fr: 'french',
  de: 'german',
  el: 'greek',
  hi: 'hindi',
  hu: 'hungarian',
  id: 'indonesian',
  ga: 'irish',
  it: 'italian',
  lt: 'lithuanian',
  ne: 'nepali',
  no: 'norwegian',
  pt: 'portuguese',
  ro: 'romanian',
  ru: 'russian',
  sr: 'serbian',
  es: 'spanish',
  sv: 'swedish',
  ta: 'tamil',
  tr: 'turkish',
  yi: 'yiddish',
};

/** Without a stemmer: words match as they are, and queries match their beginnings. */
export const SIMPLE = 'simple';

/** The text search configuration for a language, which may have a region: `de-AT`. */
export function configurationOf(language: string | null | undefined): string {
  const [code = ''] = (language ?? '').toLowerCase().split(/[-_]/);
  return CONFIGURATIONS[code] ?? SIMPLE;
}

/** Scripts that are written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]+/gu;
const segmenter = new Intl.Segmenter('ja', { granularity: 'word' });

/** The text with spaces between the words of scripts without them, which PostgreSQL would take for one word. */
export function spaced(text: string): string {
  return text.replace(
    UNSPACED,
    (run) => ` ${[...segmenter.segment(run)].map(({ segment }) => segment).join(' ')} `,
  );
}

const MAX_WORDS = 40;
/** Inflected words differ in their last letters. Shorter words are not cut. */
const SHORTEST_STEM = 4;
const LONGEST_ENDING = 2;

/**
 * The words of a query, any of which may match. For configurations without a stemmer, they match by their beginnings
 * (`:*` as in `to_tsquery`), so that inflected forms of Polish or Czech words are found.
 */
export function queryWords(query: string): string[] {
  const words =
    spaced(query)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(words)].slice(0, MAX_WORDS);
}

/** @param words letters and digits only. */
export function prefixQuery(words: readonly string[]): string {
  return words
    .filter((word) => word.length > 2 || !/^[a-z]+$/.test(word))
    .map((word) => `${word.slice(0, Math.max(SHORTEST_STEM, word.length - LONGEST_ENDING))}:*`)
    .join(' | ');
}
