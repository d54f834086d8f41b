/** The languages of content: how to find out which one a text is in, and how many tokens its words have. */
import type { ModelInfo } from '#libs/pricing/model.ts';
import { FUNCTION_WORDS, languageOfScript } from '../language.ts';

type Language = {
  readonly name: string;
  /** Tokens of a word, measured with `o200k_base` on articles of 800 words. */
  readonly tokensPerWord: number;
  /** With tokenizers that were not trained on its script, measured with `cl100k_base`; the same if absent. */
  readonly olderTokensPerWord?: number;
  /** UTF-8 bytes of a word with its space. */
  readonly bytesPerWord: number;
};

const LANGUAGES: Readonly<Record<string, Language>> = {
  en: { name: 'English', tokensPerWord: 1.12, bytesPerWord: 6.5 },
  de: { name: 'German', tokensPerWord: 1.65, bytesPerWord: 8 },
  fr: { name: 'French', tokensPerWord: 1.45, bytesPerWord: 7 },
  es: { name: 'Spanish', tokensPerWord: 1.35, bytesPerWord: 7 },
  it: { name: 'Italian', tokensPerWord: 1.5, bytesPerWord: 7 },
  pt: { name: 'Portuguese', tokensPerWord: 1.4, bytesPerWord: 7 },
  nl: { name: 'Dutch', tokensPerWord: 1.5, bytesPerWord: 7 },
  sv: { name: 'Swedish', tokensPerWord: 1.7, bytesPerWord: 7.5 },
  da: { name: 'Danish', tokensPerWord: 1.7, bytesPerWord: 7 },
  no: { name: 'Norwegian', tokensPerWord: 1.7, bytesPerWord: 7 },
  pl: { name: 'Polish', tokensPerWord: 2.08, bytesPerWord: 8.5 },
  cs: { name: 'Czech', tokensPerWord: 2.2, bytesPerWord: 8 },
  ro: { name: 'Romanian', tokensPerWord: 1.9, bytesPerWord: 7.5 },
  fi: { name: 'Finnish', tokensPerWord: 2.8, bytesPerWord: 10 },
  hu: { name: 'Hungarian', tokensPerWord: 2.5, bytesPerWord: 9 },
  tr: { name: 'Turkish', tokensPerWord: 2.3, bytesPerWord: 9 },
  ru: { name: 'Russian', tokensPerWord: 2.2, olderTokensPerWord: 2.9, bytesPerWord: 14 },
  uk: { name: 'Ukrainian', tokensPerWord: 2.4, olderTokensPerWord: 3.5, bytesPerWord: 14 },
  el: { name: 'Greek', tokensPerWord: 2.6, olderTokensPerWord: 6.4, bytesPerWord: 13 },
  ar: { name: 'Arabic', tokensPerWord: 2.2, olderTokensPerWord: 4.3, bytesPerWord: 12 },
  he: { name: 'Hebrew', tokensPerWord: 2.2, olderTokensPerWord: 5.9, bytesPerWord: 11 },
  hi: { name: 'Hindi', tokensPerWord: 2.2, olderTokensPerWord: 5.5, bytesPerWord: 16 },
  th: { name: 'Thai', tokensPerWord: 2.6, olderTokensPerWord: 4.7, bytesPerWord: 15 },
  ja: { name: 'Japanese', tokensPerWord: 2.2, bytesPerWord: 8 },
  zh: { name: 'Chinese', tokensPerWord: 2, bytesPerWord: 7 },
  ko: { name: 'Korean', tokensPerWord: 2.2, olderTokensPerWord: 4.3, bytesPerWord: 11 },
};

type Tokenizer = ModelInfo['tokenizer'];

/** For languages that are not listed. */
const OTHER: Language = { name: '', tokensPerWord: 2.8, bytesPerWord: 12 };

/** The code of a language that could not be determined. */
export const UNDETERMINED = 'und';

/** Headings, lists, punctuation, and models that write more than asked. */
const TOKEN_HEADROOM = 1.5;
const BYTE_HEADROOM = 1.4;

/** An output cap for a text of so many words. @param tokenizer of the model; null if it is not public. */
export function tokensForWords(words: number, language: string, tokenizer: Tokenizer): number {
  return Math.ceil(words * cappedTokens(language, tokenizer));
}

/** Room in a prompt for a text of so many words. */
export function bytesForWords(words: number, language: string): number {
  return Math.ceil(words * languageOf(language).bytesPerWord * BYTE_HEADROOM);
}

/** The most words that an output cap allows. */
export function wordsForTokens(tokens: number, language: string, tokenizer: Tokenizer): number {
  return Math.floor(tokens / cappedTokens(language, tokenizer));
}

/** What a cap has for each word. */
function cappedTokens(language: string, tokenizer: Tokenizer): number {
  const { tokensPerWord, olderTokensPerWord = tokensPerWord } = languageOf(language);
  return (tokenizer === 'o200k_base' ? tokensPerWord : olderTokensPerWord) * TOKEN_HEADROOM;
}

/** The English name of a language, for a prompt; undefined if it could not be determined. */
export function languageName(code: string): string | undefined {
  return LANGUAGES[code]?.name;
}

function languageOf(code: string): Language {
  return LANGUAGES[code] ?? OTHER;
}

/** The code of a BCP 47 tag or of the English name of a language. Other names are kept as they are. */
export function languageCode(wanted: string): string {
  const lower = wanted.toLowerCase();
  const tag = lower.split(/[-_]/, 1)[0] as string;
  if (LANGUAGES[tag] !== undefined) return tag;
  const named = Object.entries(LANGUAGES).find(([, { name }]) => name.toLowerCase() === lower);
  return named?.[0] ?? OTHER_NAMES[lower] ?? OTHER_NAMES[tag] ?? wanted;
}

/** Languages by their names in themselves, and by other tags. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  nb: 'no',
  nn: 'no',
  deutsch: 'de',
  français: 'fr',
  español: 'es',
  italiano: 'it',
  português: 'pt',
  nederlands: 'nl',
  svenska: 'sv',
  dansk: 'da',
  norsk: 'no',
  polski: 'pl',
  čeština: 'cs',
  română: 'ro',
  suomi: 'fi',
  magyar: 'hu',
  türkçe: 'tr',
  русский: 'ru',
  українська: 'uk',
  ελληνικά: 'el',
  العربية: 'ar',
  עברית: 'he',
  हिन्दी: 'hi',
  ไทย: 'th',
  日本語: 'ja',
  中文: 'zh',
  한국어: 'ko',
};

/** Frequent words of titles, in addition to those of other texts. */
const TITLE_WORDS: Readonly<Record<string, string>> = {
  en: 'how why what your in on',
  de: 'wie warum einen im zum zur von',
  fr: 'et comment pourquoi du au aux',
  es: 'y cómo qué una es en al un',
  it: 'e come perché è nel dei delle',
  pt: 'o as e porque em do da',
  nl: 'de en hoe waarom is op',
  sv: 'hur varför en ett i',
  da: 'hvordan hvorfor en et i',
  no: 'hvordan hvorfor en et i',
  pl: 'i w z dlaczego oraz do czy po od',
  fi: 'miten miksi kuinka sekä',
  cs: 'a v pro proč',
  tr: 'nasıl neden',
  hu: 'a hogyan miért',
  ro: 'cum de ce în',
};

/** By language, for those in Latin letters. */
export const KNOWN_WORDS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(FUNCTION_WORDS).map(([code, words]) => [
    code,
    new Set(`${words} ${TITLE_WORDS[code] ?? ''}`.split(' ')),
  ]),
);

/** Letters that decide where no word does. */
const LETTERS: readonly (readonly [RegExp, string])[] = [
  [/[łąęśżźćń]/i, 'pl'],
  [/[ěřů]/i, 'cs'],
  [/[őű]/i, 'hu'],
  [/[ğış]/i, 'tr'],
  [/[ãõ]/i, 'pt'],
  [/[ñ¿¡]/i, 'es'],
  [/ß/, 'de'],
  [/å/i, 'sv'],
  [/[äö].*(ää|yy|kk|tt|ss|lla\b|llä\b|ssa\b|ssä\b)|(ää|yy|öö)/i, 'fi'],
  [/[äöü]/i, 'de'],
  [/[èêçœ]/i, 'fr'],
];

/** The language of a text, from its script, frequent words and letters. Short texts without evidence are English. */
export function detectLanguage(text: string): string {
  const sample = text.slice(0, 2_000);
  const ofScript = languageOfScript(sample);
  if (ofScript !== null) return ofScript;
  const words = sample.toLowerCase().match(/\p{L}+/gu) ?? [];
  let best = '';
  let most = 0;
  for (const [code, known] of KNOWN_WORDS) {
    const found = words.filter((word) => known.has(word)).length;
    if (found > most) [best, most] = [code, found];
  }
  const letter = LETTERS.find(([pattern]) => pattern.test(sample));
  if (letter !== undefined && (most < 2 || best === 'en')) return letter[1];
  if (best !== '') return best;
  return /[^\p{ASCII}‘’“”–—…]/u.test(sample) ? UNDETERMINED : 'en';
}
