/**
 * Recognises an answer in another language than the one that was asked for. Doubt is in favour of the answer: short texts,
 * names, quotes, code and mixtures are never an error.
 */
import { detectLanguage, languageOfScript } from '../language.ts';
import { KNOWN_WORDS, languageName } from './language.ts';
import type { ContentBrief, ContentStep } from './step.ts';
import { plainText, wordsIn } from './text.ts';

/** Shorter texts do not show their language reliably. */
const MIN_WORDS = 20;
/** The other language must have this many frequent words in the text, this share of its words, and this lead. */
const MIN_FOUND = 5;
const MIN_SHARE = 0.05;
const MIN_LEAD = 4;
/** A text is in Latin letters if this share of its letters is, and in others if fewer than the rest are. */
const LATIN_SHARE = 0.7;

/** The language that the answers of a step must be in; undefined if any language may be right. */
export function requiredLanguage(
  { part }: Pick<ContentStep, 'part'>,
  { request, language, inputs }: ContentBrief,
): string | undefined {
  // A reply is in the language of its message, and a prompt of the customer may ask for another language.
  const isOpen = part === 'reply' || inputs.prompt !== undefined;
  if (request.language === undefined && (isOpen || isAssumed(language, request, inputs))) return undefined;
  return languageName(language) === undefined ? undefined : language;
}

/** Whether a language is English because nothing shows another one, as in a topic of a few names. */
function isAssumed(
  language: string,
  { topic, text }: ContentBrief['request'],
  { source }: ContentBrief['inputs'],
): boolean {
  return language === 'en' && detectLanguage(topic ?? text ?? source?.text ?? '') !== 'en';
}

/** What is wrong with the language of a text, in words for the model; empty if nothing is. */
export function languageProblems(text: string, required: string | undefined): string[] {
  const found = required === undefined ? undefined : otherLanguageOf(text, required);
  if (found === undefined) return [];
  return [`The text is in ${languageName(found)}. Write all of it in ${languageName(required as string)}.`];
}

/** The language of a text that is certainly not in the language that was asked for; undefined for other texts. */
export function otherLanguageOf(text: string, asked: string): string | undefined {
  const prose = proseOf(text);
  const words = wordsIn(prose.toLowerCase());
  if (words.length < MIN_WORDS) return undefined;
  const letters = Math.max(1, prose.match(/\p{Letter}/gu)?.length ?? 0);
  const shareOf = (script: RegExp) => (prose.match(script)?.length ?? 0) / letters;
  if (SCRIPT_TESTS[asked]?.(shareOf)) return undefined;
  const latin = shareOf(/\p{Script=Latin}/gu);
  if (latin >= LATIN_SHARE) return otherInLatin(words, asked);
  const found = latin < 1 - LATIN_SHARE ? languageOfScript(prose) : null;
  return found === null || found === asked ? undefined : found;
}

type ShareOf = (script: RegExp) => number;

const KANA = /[\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const CYRILLIC = /\p{Script=Cyrillic}/gu;
const UKRAINIAN = /[іїєґ]/giu;

/** Whether a text may be in a language, by its letters. Languages that are not listed are written in Latin letters. */
const SCRIPT_TESTS: Readonly<Record<string, (shareOf: ShareOf) => boolean>> = {
  ja: (shareOf) => shareOf(KANA) >= 0.05,
  zh: (shareOf) => shareOf(/\p{Script=Han}/gu) >= 0.2 && shareOf(KANA) < 0.2,
  ko: (shareOf) => shareOf(/\p{Script=Hangul}/gu) >= 0.2,
  th: (shareOf) => shareOf(/\p{Script=Thai}/gu) >= 0.2,
  el: (shareOf) => shareOf(/\p{Script=Greek}/gu) >= 0.2,
  he: (shareOf) => shareOf(/\p{Script=Hebrew}/gu) >= 0.2,
  ar: (shareOf) => shareOf(/\p{Script=Arabic}/gu) >= 0.2,
  hi: (shareOf) => shareOf(/\p{Script=Devanagari}/gu) >= 0.2,
  uk: (shareOf) => shareOf(CYRILLIC) >= 0.2 && shareOf(UKRAINIAN) >= 0.01,
  ru: (shareOf) => shareOf(CYRILLIC) >= 0.2 && shareOf(UKRAINIAN) < 0.03,
};

/** Compares the words that are frequent in one of two languages only. */
function otherInLatin(words: readonly string[], asked: string): string | undefined {
  const expected = KNOWN_WORDS.get(asked) ?? new Set<string>();
  let found: string | undefined;
  let most = Math.max(MIN_FOUND, words.length * MIN_SHARE);
  for (const [code, known] of KNOWN_WORDS) {
    if (code === asked) continue;
    const own = words.filter((word) => known.has(word) && !expected.has(word)).length;
    const ofAsked = words.filter((word) => expected.has(word) && !known.has(word)).length;
    if (own >= most && own >= ofAsked * MIN_LEAD) [found, most] = [code, own];
  }
  return found;
}

/** The text without what may be in any language: code, addresses, marks of sources, and quotes. */
function proseOf(text: string): string {
  const unquoted = text
    .replace(/```[\s\S]*?```|`[^`\n]*`/g, ' ')
    .replace(/https?:\/\/\S+|[\w.+-]+@[\w-]+\.\S+/g, ' ')
    .replace(/^\s*>.*$/gm, ' ')
    .replace(/“[^”]*”|„[^“”]*[“”]|«[^»]*»|»[^«]*«|「[^」]*」|『[^』]*』|"[^"\n]*"/g, ' ')
    .replace(/#[\p{L}\p{N}_]+|\[S\d+\]/gu, ' ');
  return plainText(unquoted);
}

/** Shorter strings of an object are names and labels. */
const MIN_STRING_WORDS = 4;

/** The texts of an object. */
export function textsIn(value: unknown): string {
  if (typeof value === 'string') return wordsIn(value).length < MIN_STRING_WORDS ? '' : value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(textsIn).filter(Boolean).join('\n');
}
