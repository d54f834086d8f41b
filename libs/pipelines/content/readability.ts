/** Checks of a text for readers and search engines, computed without a model. */
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

/** On-page checks of a Markdown text for its main keyword. */
export function checkPage(markdown: string, keyword: string): PageCheck[] {
  const { title, body } = splitTitle(markdown);
  const text = plainText(body);
  const words = wordsIn(text).length;
  const uses = occurrences(text, keyword);
  const density = words === 0 ? 0 : (100 * uses * Math.max(1, wordsIn(keyword).length)) / words;
  const opening = text.slice(0, 600);
  const headings = countHeadings(body);
  const links = body.match(/\[[^\]]+\]\(/g)?.length ?? 0;
  return [
    {
      check: 'title_length',
      passed: title !== null && title.length >= 20 && title.length <= 65,
      detail:
        title === null
          ? 'There is no title ("# …").'
          : `The title has ${title.length} characters; 20 to 65 are best.`,
    },
    {
      check: 'keyword_in_title',
      passed: title !== null && occurrences(title, keyword) > 0,
      detail: `The title ${title !== null && occurrences(title, keyword) > 0 ? 'contains' : 'does not contain'} “${keyword}”.`,
    },
    {
      check: 'keyword_in_opening',
      passed: occurrences(opening, keyword) > 0,
      detail: `The first paragraphs ${occurrences(opening, keyword) > 0 ? 'contain' : 'do not contain'} “${keyword}”.`,
    },
    {
      check: 'keyword_density',
      passed: density >= 0.3 && density <= 3,
      detail: `“${keyword}” occurs ${uses} times, ${density.toFixed(1)} % of the words; 0.3 to 3 % are best.`,
    },
    {
      check: 'headings',
      passed: headings >= Math.max(1, Math.floor(words / 400)),
      detail: `${headings} headings for ${words} words; one for every 300 to 400 words helps readers.`,
    },
    { check: 'length', passed: words >= 300, detail: `${words} words; search engines favour 300 or more.` },
    { check: 'links', passed: links > 0, detail: `${links} links; one to a source or another page helps.` },
  ];
}

function occurrences(text: string, keyword: string): number {
  return keyword === '' ? 0 : text.toLowerCase().split(keyword.toLowerCase()).length - 1;
}
