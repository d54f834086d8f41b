/** Sentence templates by language. */
import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fi } from './fi.ts';
import { fr } from './fr.ts';
import { ja } from './ja.ts';
import type { Phrases } from './phrases.ts';
import { pl } from './pl.ts';
import { uk } from './uk.ts';

const PHRASES: ReadonlyMap<string, Phrases> = new Map(Object.entries({ en, de, es, fi, fr, ja, pl, uk }));

/** The languages that the simulator writes. */
export const LANGUAGES = [...PHRASES.keys()];

/** The wording of a language; English for one that the simulator does not write. */
export function phrasesOf(language: string | null): Phrases {
  return PHRASES.get(language ?? 'en') ?? en;
}
