/** Alternatives that a request asks for: another title, hook, subject or set of posts in the same document. */
import { z } from 'zod';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { plainText, shortenTo } from './text.ts';

/** How many, in addition to the first. */
export function alternativeCount({ variants }: Pick<GenerateRequest, 'variants'>): number {
  return (variants ?? 1) - 1;
}

/** Of short texts, in an object that has the first one. */
export type Alternatives = { alternatives?: string[] };

/** Words of one of them. */
const WORDS = 25;

export function alternativesOf({ variants }: Pick<GenerateRequest, 'variants'>, what: string, max: number) {
  const count = alternativeCount({ variants });
  const noun = count === 1 ? what : `${what}s`;
  return {
    /** Part of the schema. */
    shape: count === 0 ? {} : { alternatives: z.array(z.string()) },
    words: count * WORDS,
    /** The end of the task. */
    task:
      count === 0 ? '' : ` Give ${count} alternative ${noun} in \`alternatives\`, each from another angle.`,
    problems: ({ alternatives = [] }: Alternatives): string[] =>
      alternatives.length >= count ? [] : [`Give ${count} alternatives, not ${alternatives.length}.`],
    fit: ({ alternatives = [] }: Alternatives): Alternatives =>
      count === 0
        ? {}
        : { alternatives: alternatives.slice(0, count).map((text) => shortenTo(plainText(text), max)) },
  };
}
