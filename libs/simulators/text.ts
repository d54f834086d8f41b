import { LRUCache } from 'lru-cache';
import { phrasesOf } from './phrases/languages.ts';
import type { Line, Phrases } from './phrases/phrases.ts';
import { languageFor } from './wording.ts';

/** The kind of text that a prompt asks for, detected by keywords. */
export type TextKind = 'article' | 'research' | 'social' | 'edit' | 'answer';

const kindPatterns: readonly (readonly [TextKind, RegExp])[] = [
  ['article', /\b(blog|article|artyku|artikel|artículo|artikkeli)|記事|статт/i],
  ['research', /\bresearch/i],
  ['social', /\b(linkedin|tweet|twitter|social (media )?posts?|x post)/i],
  ['edit', /\b(edit|proofread|polish|copy-?edit|revise)\b/i],
];

/** Instructions come first in a prompt; what follows may be a draft that mentions any of the words above. */
const instructionCharacters = 400;

const stopWords = new Set(
  `a about all an and any are article as at be blog brief but by can content create draft each edit for from
  generate give good have help hello how i in into is it its like linkedin long make me more my need new notes of
  on one or our please post posts research should short social some that the their them these they this to topic
  tweet us use using want we what when where which who why will with word words write you your`.split(/\s+/),
);

const cachedTexts = new LRUCache<string, string>({ max: 2000 });

/** 32-bit FNV-1a: not for secrets, only to choose the same words for the same prompt. */
export function hashText(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The kind of text whose key word comes first in the user's message, else in the system prompt. */
export function textKind(user: string, system: string): TextKind {
  return firstKind(user) ?? firstKind(system) ?? 'answer';
}

function firstKind(prompt: string): TextKind | undefined {
  const instruction = prompt.slice(0, instructionCharacters);
  let best: TextKind | undefined;
  let bestIndex = Number.POSITIVE_INFINITY;
  for (const [kind, pattern] of kindPatterns) {
    const index = instruction.search(pattern);
    if (index >= 0 && index < bestIndex) [best, bestIndex] = [kind, index];
  }
  return best;
}

/** The subject of a prompt in a few words: what is quoted, what follows “about” or “on”, else its main words. */
export function topicOf(prompt: string): string {
  const instruction = prompt.slice(0, instructionCharacters);
  const quoted = /["“„«「]([^"”“»」\n]{3,80})["”“»」]/.exec(instruction)?.[1];
  const named = /\b(?:topic|subject|title|about|on)\b:?\s+([^.,;:!?\n"“”]{3,120})/i.exec(instruction)?.[1];
  const phrase = (quoted ?? named)?.trim().split(/\s+/).slice(0, 8).join(' ');
  if (phrase) return phrase.replace(/^(the topic of|the subject of|how to)\s+/i, '');
  const words = significantWords(instruction).slice(0, 4).join(' ');
  return words === '' ? 'this topic' : `“${words}”`;
}

/** Words of a prompt that carry meaning, in order, each once. */
export function significantWords(prompt: string): string[] {
  const words = prompt.toLowerCase().match(/\p{L}[\p{L}\p{N}-]{2,}/gu) ?? [];
  return [...new Set(words.filter((word) => !stopWords.has(word)))];
}

/**
 * A readable text for a prompt: the same prompt and variant always give the same text.
 * @param variant the index of the choice, so that `n` choices differ
 */
export function writeText(user: string, system: string, variant = 0, isWrong = false): string {
  const seed = hashText(system, hashText(user)) + variant;
  const kind = textKind(user, system);
  const key = `${kind}:${seed}:${user.length}:${isWrong}`;
  const known = cachedTexts.get(key);
  if (known !== undefined) return known;
  const text =
    kind === 'edit'
      ? polish(draftIn(user))
      : compose(kind, user, seed, phrasesOf(languageFor(user, isWrong)));
  cachedTexts.set(key, text);
  return text;
}

function compose(kind: Exclude<TextKind, 'edit'>, prompt: string, seed: number, phrases: Phrases): string {
  const topic = topicOf(prompt);
  let turn = seed;
  let mentions = 0;
  const fill = (template: string): string => {
    const filled = template
      .replaceAll('{topic}', () => (mentions++ % 4 === 0 ? topic : shortened(topic)))
      .replaceAll('{focus}', () => pick(phrases.concerns, turn++));
    return filled.charAt(0).toUpperCase() + filled.slice(1);
  };
  const filled = { phrases, fill, line: (name: Line) => fill(phrases.lines[name]) };
  if (kind === 'article') return article(filled, seed);
  if (kind === 'research') return researchNotes(filled, seed);
  if (kind === 'social') return socialPosts(filled, seed, topic);
  return `${fill(pick(phrases.answers, seed))}\n\n${fill(pick(phrases.followUps, seed >>> 3))}`;
}

/** “solar panels for small businesses” is called “solar panels” once it has been introduced. */
function shortened(topic: string): string {
  return topic.split(/ (?:for|in|with|at|among|during) /, 1)[0] || topic;
}

type Filled = {
  phrases: Phrases;
  fill: (template: string) => string;
  line: (name: Line) => string;
};

function pick<T>(items: readonly T[], seed: number): T {
  return items[(seed >>> 0) % items.length] as T;
}

/** Every item once, starting at a place that depends on the seed. */
function rotate<T>(items: readonly T[], seed: number): T[] {
  const start = (seed >>> 0) % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function article({ phrases, fill, line }: Filled, seed: number): string {
  const { sections, titleTemplates, introductions, checklistItems, conclusions } = phrases;
  const [opening, ...others] = sections;
  const drawn = new Set([opening, ...rotate(others, seed).slice(0, 3 + (seed % 2))]);
  const chosen = sections.filter((section) => drawn.has(section));
  const body = chosen.map(({ heading, sentences }) => {
    const lines = sentences.map(fill);
    return `## ${fill(heading)}\n\n${lines.slice(0, 4).join(' ')}\n\n${lines.slice(4).join(' ')}`;
  });
  return [
    `# ${fill(pick(titleTemplates, seed))}`,
    fill(pick(introductions, seed >>> 2)),
    ...body,
    `## ${line('checklist')}\n\n${checklistItems.map((item) => `- ${fill(item)}`).join('\n')}`,
    `## ${line('conclusion')}\n\n${fill(pick(conclusions, seed >>> 4))}`,
  ].join('\n\n');
}

function researchNotes({ phrases: { findings, openQuestions }, fill, line }: Filled, seed: number): string {
  const list = (items: readonly string[]) => items.map((item) => `- ${fill(item)}`).join('\n');
  return [
    `# ${line('researchNotes')}`,
    `## ${line('keyFindings')}\n\n${list(rotate(findings, seed).slice(0, 5))}`,
    `## ${line('angle')}\n\n${line('angleText')}`,
    `## ${line('openQuestions')}\n\n${list(openQuestions)}`,
  ].join('\n\n');
}

function socialPosts({ phrases, fill }: Filled, seed: number, topic: string): string {
  const tags = significantWords(topic)
    .slice(0, 3)
    .map((word) => `#${word.charAt(0).toUpperCase()}${word.slice(1).replaceAll('-', '')}`)
    .join(' ');
  const short = fill(pick(phrases.shortPosts, seed)).slice(0, 278 - tags.length);
  return `## LinkedIn\n\n${fill(pick(phrases.linkedinPosts, seed >>> 1))}\n\n${tags}\n\n## X\n\n${short} ${tags}`.trimEnd();
}

/** The text to edit: what is fenced, what follows “draft:”, “text:” or “article:”, else all after the first blank line. */
function draftIn(prompt: string): string {
  const fenced = /```\w*\n([\s\S]*?)```/.exec(prompt)?.[1];
  const labelled = /(?:^|\n)[^\n]*\b(?:draft|text|article|post|content)\b[^\n:]*:\s*([\s\S]+)$/i.exec(
    prompt,
  )?.[1];
  const blank = prompt.indexOf('\n\n');
  return (fenced ?? labelled ?? (blank >= 0 ? prompt.slice(blank) : prompt)).trim();
}

const wordierToPlainer: readonly (readonly [RegExp, string])[] = [
  [/\b(very|really|basically|actually) /gi, ''],
  [/\bin order to\b/gi, 'to'],
  [/\butili[sz]e/gi, 'use'],
  [/\bdue to the fact that\b/gi, 'because'],
  [/\bat this point in time\b/gi, 'now'],
  [/\ba lot of\b/gi, 'many'],
  [/[ \t]+([,.;:!?])/g, '$1'],
  [/([^\s])[ \t]{2,}(?=\S)/g, '$1 '],
];

function polish(draft: string): string {
  const plainer = wordierToPlainer.reduce((text, [pattern, better]) => text.replace(pattern, better), draft);
  return plainer.replace(/(^|[.!?] )(\p{Ll})/gu, (_match, before, letter) => before + letter.toUpperCase());
}
