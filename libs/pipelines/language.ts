/** The language of a text, from its script and its most frequent words. */

/** Words that are frequent in one language and rare in the others. */
export const FUNCTION_WORDS: Readonly<Record<string, string>> = {
  en: 'the of and to is that it for with was this are from have which',
  de: 'der die und das ist nicht ein eine mit auf dem den für sich auch',
  fr: 'le les des est une dans pour que qui pas sur avec vous nous cette',
  es: 'el los las una que por con para del como más pero sus está esta',
  it: 'il che di per una sono della con gli anche nel alla questo più non',
  pt: 'os uma não para com mais como dos das também pelo são você isso ao',
  nl: 'het een van niet dat met voor zijn ook maar deze naar wordt bij aan',
  sv: 'och att det som för är på inte med den till av har ett också',
  da: 'og at det som er på ikke med den til af har et også være',
  no: 'og det som er på ikke med den til av har et også være jeg',
  fi: 'ja on ei että se oli hän kun mutta myös ovat niin kuin sen jos',
  pl: 'nie się jest że na do jak ale za oraz dla jego przez tym są',
  cs: 'je se že na to jako ale pro byl není jsou jsem také který při',
  tr: 'bir ve bu için ile da de çok olarak daha gibi olan kadar sonra ama',
  hu: 'egy az és hogy nem is ez meg van csak már mint volt vagy azt',
  ro: 'și este nu că pentru din cu care mai sunt dar fost acest prin au',
};

/** Scripts that one language, or mostly one, is written in. The first that has letters in the text wins. */
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['uk', /[іїєґ]/giu],
  ['ru', /\p{Script=Cyrillic}/gu],
];

const SAMPLE_LENGTH = 4_000;
/** Fewer function words than this do not identify a language. */
const SMALLEST_SCORE = 2;
/** A script counts if at least this share of the letters has it. */
const SCRIPT_SHARE = 0.05;

const languagesOf = new Map<string, string[]>();
for (const [language, words] of Object.entries(FUNCTION_WORDS)) {
  for (const word of words.split(' ')) languagesOf.set(word, [...(languagesOf.get(word) ?? []), language]);
}

/** The language of a script that only one language, or mostly one, is written in; null for other texts. */
export function languageOfScript(text: string): string | null {
  const letters = text.match(/\p{Letter}/gu)?.length ?? 0;
  const found = SCRIPTS.find(([, script]) => (text.match(script)?.length ?? 0) > letters * SCRIPT_SHARE);
  return found?.[0] ?? null;
}

/** ISO 639-1; null if the text does not show its language. */
export function detectLanguage(text: string): string | null {
  const sample = text.slice(0, SAMPLE_LENGTH).toLowerCase();
  const ofScript = languageOfScript(sample);
  if (ofScript !== null) return ofScript;
  const scores = new Map<string, number>();
  for (const [word] of sample.matchAll(/\p{Letter}+/gu)) {
    for (const language of languagesOf.get(word) ?? []) scores.set(language, (scores.get(language) ?? 0) + 1);
  }
  let [best, most] = [null as string | null, SMALLEST_SCORE - 1];
  for (const [language, score] of scores) if (score > most) [best, most] = [language, score];
  return best;
}
