/** The wording of a text about a topic, in the language that its prompt asks for. */
import { detectLanguage, languageCode } from '#libs/pipelines/content/language.ts';
import { countWords } from '#libs/pipelines/content/text.ts';
import { detectLanguage as detectCertainLanguage } from '#libs/pipelines/language.ts';
import { phrasesOf } from './phrases/languages.ts';
import type { Line, Phrases } from './phrases/phrases.ts';

export type Fill = (template: string) => string;

export type Wording = {
  readonly language: string;
  readonly topic: string;
  readonly phrases: Phrases;
  /** Fills the blanks of a template. */
  readonly fill: Fill;
  readonly line: (name: Line) => string;
  /** Sentences from a section on, until there are enough words, in paragraphs of three. */
  readonly sentences: (start: number, words: number) => string;
  /** The start of a text, in whole words, or in whole sentences of a language without spaces. */
  readonly start: (text: string, words: number) => string;
};

const STATED = /^Language: (.+)\.$/m;
const OPEN = /^Write in the language of the \w+\.$/m;
const NAMED = /\bin (English|Polish|German|Spanish|French|Finnish|Japanese|Ukrainian)\b/i;

/**
 * The language that a prompt asks for, else the one that it is in; English if neither shows.
 * @param isWrong another language than that
 */
export function languageFor(prompt: string, isWrong: boolean): string {
  const asked = askedLanguage(prompt);
  if (!isWrong) return asked;
  return asked === 'en' ? 'de' : 'en';
}

function askedLanguage(prompt: string): string {
  const stated = STATED.exec(prompt)?.[1];
  if (stated !== undefined) return languageCode(stated);
  if (OPEN.test(prompt)) return detectLanguage(/<untrusted [^>]*>\n([\s\S]*?)\n</.exec(prompt)?.[1] ?? '');
  const named = NAMED.exec(prompt)?.[1];
  return named === undefined ? (detectCertainLanguage(prompt) ?? 'en') : languageCode(named);
}

const SENTENCES_IN_PARAGRAPH = 3;
/** So that a wrong number of words cannot make an endless text. */
const MAX_ROUNDS = 20;

export function wordingOf(topic: string, language: string): Wording {
  const phrases = phrasesOf(language);
  const hasSpaces = language !== 'ja';
  const wordsOf = (text: string) => (hasSpaces ? text.split(/\s+/).length : countWords(text));
  let turn = topic.length;
  const fill: Fill = (template) => {
    const filled = template
      .replaceAll('{topic}', topic)
      .replaceAll('{focus}', () => phrases.concerns[turn++ % phrases.concerns.length] as string);
    return filled.charAt(0).toUpperCase() + filled.slice(1);
  };
  const sentences = (start: number, words: number): string => {
    const { sections } = phrases;
    const rounds = Array.from({ length: MAX_ROUNDS }, () => sections);
    const all = [sections.slice(start % sections.length), ...rounds].flat();
    const paragraphs: string[][] = [[]];
    let count = 0;
    for (const sentence of all.flatMap((section) => section.sentences)) {
      if (count >= words) break;
      const text = fill(sentence);
      count += wordsOf(text);
      if (paragraphs.at(-1)?.length === SENTENCES_IN_PARAGRAPH) paragraphs.push([]);
      paragraphs.at(-1)?.push(text);
    }
    return paragraphs.map((list) => list.join(hasSpaces ? ' ' : '')).join('\n\n');
  };
  const start = (text: string, words: number): string => {
    if (hasSpaces) return text.split(/\s+/).slice(0, words).join(' ');
    const [first = '', ...others] = text.split(/(?<=。)/);
    return others.reduce((kept, one) => (countWords(kept + one) > words ? kept : kept + one), first);
  };
  return { language, topic, phrases, fill, line: (name) => fill(phrases.lines[name]), sentences, start };
}
