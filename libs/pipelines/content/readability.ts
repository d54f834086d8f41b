/** Checks of a text for readers and search engines, computed without a model. */
import { UNDETERMINED } from './language.ts';
import { type Label, labelOf } from './messages.ts';
import { countHeadings, plainText, splitTitle, wordsIn } from './text.ts';

export type Readability = {
  words: number;
  sentences: number;
  words_per_sentence: number;
  /** Flesch reading ease, from 0 (hard) to 100 (easy); only for English, for which its weights were determined. */
  flesch_reading_ease: number | null;
  /** Share of sentences with more than 25 words, in percent. */
  long_sentences_percent: number;
};

const LONG_SENTENCE = 25;
const sentences = new Intl.Segmenter(undefined, { granularity: 'sentence' });

export function readabilityOf(markdown: string, language: string): Readability {
  const text = plainText(markdown);
  const words = wordsIn(text);
  const lengths = Array.from(sentences.segment(text))
    .map(({ segment }) => wordsIn(segment).length)
    .filter((length) => length > 0);
  const perSentence = lengths.length === 0 ? 0 : words.length / lengths.length;
  const syllables = words.reduce((sum, word) => sum + syllablesIn(word), 0);
  const ease = words.length === 0 ? null : 206.835 - 1.015 * perSentence - 84.6 * (syllables / words.length);
  const long = lengths.filter((length) => length > LONG_SENTENCE).length;
  return {
    words: words.length,
    sentences: lengths.length,
    words_per_sentence: rounded(perSentence),
    flesch_reading_ease:
      language === 'en' && ease !== null ? Math.max(0, Math.min(100, rounded(ease))) : null,
    long_sentences_percent: lengths.length === 0 ? 0 : Math.round((100 * long) / lengths.length),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Groups of vowels, without a silent e at the end. */
function syllablesIn(word: string): number {
  const groups = word
    .toLowerCase()
    .replace(/e$/, '')
    .match(/[aeiouy]+/g);
  return Math.max(1, groups?.length ?? 1);
}

export type PageCheck = { check: string; passed: boolean; detail: string };

const TITLE_LENGTH = [20, 65] as const;
/** Of the words, in percent. */
const DENSITY = [0.3, 3] as const;
const LEAST_WORDS = 300;
const WORDS_PER_HEADING = 400;
/** What counts as the opening, in characters. */
const OPENING = 600;

/** On-page checks of a Markdown text for its main keyword. Details are in the language of the text. */
export function checkPage(markdown: string, keyword: string, language: string): PageCheck[] {
  const { title, body } = splitTitle(markdown);
  const text = plainText(body);
  const words = wordsIn(text).length;
  const keywordWords = Math.max(1, wordsIn(keyword).length);
  const density = words === 0 ? 0 : (100 * occurrences(text, keyword) * keywordWords) / words;
  const leastHeadings = Math.max(1, Math.floor(words / WORDS_PER_HEADING));
  const links = body.match(/\[[^\]]+\]\(/g)?.length ?? 0;
  const { format } = new Intl.NumberFormat(localeOf(language), { maximumFractionDigits: 1 });
  const check = (name: string, label: Label, passed: boolean, figures: string): PageCheck => ({
    ...{ check: name, passed },
    detail: `${labelOf(label, language)}: ${figures}`,
  });
  const between = (value: number, [least, most]: readonly [number, number], unit = '') => ({
    passed: value >= least && value <= most,
    figures: `${format(value)}${unit} (${format(least)}–${format(most)}${unit})`,
  });
  const atLeast = (name: string, label: Label, value: number, least: number) =>
    check(name, label, value >= least, `${format(value)} (≥ ${format(least)})`);
  const titleLength = between(title?.length ?? 0, TITLE_LENGTH);
  const inText = between(density, DENSITY, ' %');
  return [
    check('title_length', 'title_length', titleLength.passed, titleLength.figures),
    check('keyword_in_title', 'keyword_in_title', occurrences(title ?? '', keyword) > 0, `“${keyword}”`),
    check(
      'keyword_in_opening',
      'keyword_in_opening',
      occurrences(text.slice(0, OPENING), keyword) > 0,
      `“${keyword}”`,
    ),
    check('keyword_density', 'keyword_density', inText.passed, inText.figures),
    atLeast('headings', 'headings', countHeadings(body), leastHeadings),
    atLeast('length', 'words', words, LEAST_WORDS),
    atLeast('links', 'links', links, 1),
  ];
}

/** Figures as readers of a language write them. */
export function localeOf(language: string): string {
  return language === UNDETERMINED || !/^[a-z]{2}$/.test(language) ? 'en' : language;
}

function occurrences(text: string, keyword: string): number {
  return keyword === '' ? 0 : text.toLowerCase().split(keyword.toLowerCase()).length - 1;
}
