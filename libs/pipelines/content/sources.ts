/** Sources that content is written from: passages of the knowledge base, and pages that research found. */
import type { SearchSource } from '#libs/contracts/search.ts';
import { byteBound, cutToByteBound } from '../byte-bound.ts';
import { mergeSources } from '../search.ts';
import { fenceUntrusted } from '../untrusted.ts';
import { type ContentBrief, type ContentStep, jsonOf, type SourceUse, type StepOutputs } from './step.ts';
import { plainText } from './text.ts';

export const DEFAULT_SOURCES = 5;
/** Of a page in a prompt. */
const SUMMARY_BYTES = 1_000;
const FULL_TEXT_BYTES = 3_000;
const LABEL_BYTES = 100;
/** What joins two parts of a prompt. */
const SEPARATOR_BYTES = 2;

/** A source under the id that prompts and texts name it by, such as `S1`. */
export type Source = {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly url: string | null;
  /** The passage of the knowledge base. */
  readonly passage_id: string | null;
};

/** A page that no prompt includes, because moderation flagged it; without a URL, a passage of the knowledge base. */
export type RefusedSource = {
  readonly title: string;
  readonly url: string | null;
  readonly categories: readonly string[];
};

/** What research keeps of a search. */
export type Research = {
  readonly sources: readonly SearchSource[];
  readonly refused?: readonly RefusedSource[];
};

/** The sources of a step; undefined if its request asks for none. */
export function useOfSources(
  { inputs, research }: ContentBrief,
  use: SourceUse['use'],
): SourceUse | undefined {
  const hasSources = research.length > 0 || (inputs.passages ?? []).length > 0;
  return hasSources ? { use, research } : undefined;
}

export function sourceLimit({ request }: ContentBrief): number {
  return request.max_sources ?? DEFAULT_SOURCES;
}

function pageBytes({ request }: ContentBrief): number {
  return request.research_full_text === true ? FULL_TEXT_BYTES : SUMMARY_BYTES;
}

/** What is kept of the pages that a search found. */
export function researchOf(brief: ContentBrief, found: readonly SearchSource[]): Research {
  const sources = found.slice(0, sourceLimit(brief));
  return { sources: sources.map((one) => ({ ...one, text: cutToByteBound(one.text, pageBytes(brief)) })) };
}

/** What a page is moderated by: everything of it that a prompt includes. */
export function moderatedText({ title, text }: SearchSource): string {
  return `${title}\n${text}`;
}

/** @param categories for each source, what it was flagged for; none if it may be used. */
export function withoutRefused(
  sources: readonly SearchSource[],
  categories: readonly (readonly string[])[],
): Required<Research> {
  const flagsOf = (index: number) => categories[index] ?? [];
  return {
    sources: sources.filter((_, index) => flagsOf(index).length === 0),
    refused: sources.flatMap(({ title, url }, index) =>
      flagsOf(index).length === 0 ? [] : [{ title, url, categories: flagsOf(index) }],
    ),
  };
}

/** The passages and pages that were left out. */
export function refusedSources({ research, inputs }: ContentBrief, outputs: StepOutputs): RefusedSource[] {
  const passages = (inputs.refused_passages ?? []).map((one) => ({ ...one, url: null }));
  const pages = research.flatMap((key) =>
    outputs.has(key) ? (jsonOf<Research>(outputs, key).refused ?? []) : [],
  );
  return [...passages, ...new Map(pages.map((one) => [one.url, one])).values()];
}

/** The sources in their order: passages first, whose number is known before research. */
export function sourcesOf(brief: ContentBrief, outputs: StepOutputs): Source[] {
  const passages = (brief.inputs.passages ?? []).map(({ id, title, text }) => ({
    ...{ title, text, url: null, passage_id: id },
  }));
  const lists = brief.research.flatMap((key) =>
    outputs.has(key) ? [jsonOf<Research>(outputs, key).sources] : [],
  );
  const pages = mergeSources(lists, sourceLimit(brief)).map(({ title, text, url }) => ({
    ...{ title, text, url, passage_id: null },
  }));
  return [...passages, ...pages].map((source, index) => ({ id: `S${index + 1}`, ...source }));
}

/** The sources in a prompt, each fenced as data. */
export function sourceParts({ sources }: ContentStep, brief: ContentBrief, outputs: StepOutputs): string[] {
  if (sources === undefined) return [];
  return sourcesOf(brief, outputs).map(({ id, title, text }) => {
    const label = cutToByteBound(`source ${id} ${title}`, LABEL_BYTES);
    return fenceUntrusted(label, text);
  });
}

/** Room in a prompt for the pages that research will find. */
export function researchRoom({ sources }: ContentStep, brief: ContentBrief): number {
  if (sources === undefined || sources.research.length === 0) return 0;
  const page = byteBound(fenceUntrusted('', '')) + LABEL_BYTES + pageBytes(brief) + SEPARATOR_BYTES;
  return sourceLimit(brief) * page;
}

export const SOURCE_RULES: Readonly<Record<SourceUse['use'], string>> = {
  read: 'Use the facts of the sources below where they fit. Do not name the ids of sources.',
  cite: 'Base claims on the sources below. After each claim that comes from one, put its id in brackets, such as [S1], and use no other ids. Say it in your own words. Where sources disagree, say so. Say nothing that contradicts them all, and invent no source.',
};

const MARK = /\s?\[(S\d+(?:\s*,\s*S\d+)*)\]/g;

export type Citations = {
  readonly markdown: string;
  /** The sources that the text names, in their order. */
  readonly used: readonly Source[];
  /** Each sentence that names sources. */
  readonly claims: readonly { readonly text: string; readonly sources: readonly string[] }[];
};

/** The text with the ids of sources that exist, and a list of those. Ids that a model made up are removed. */
export function withCitations(text: string, sources: readonly Source[], heading: string): Citations {
  const known = new Set(sources.map(({ id }) => id));
  const idsIn = (mark: string) => mark.split(/\s*,\s*/).filter((id) => known.has(id));
  const body = text.replace(MARK, (_, mark: string) => {
    const ids = idsIn(mark);
    return ids.length === 0 ? '' : ` [${ids.join(', ')}]`;
  });
  const claims = body
    .split(/\n+|(?<=[.!?…。！？][”"’)]?(?:\s\[S[\d, S]+\])?)\s+(?!\[S\d)/u)
    .flatMap((sentence) => {
      const ids = [...new Set([...sentence.matchAll(MARK)].flatMap(([, mark = '']) => idsIn(mark)))];
      return ids.length === 0 ? [] : [{ text: plainText(sentence.replace(MARK, '')), sources: ids }];
    });
  const named = new Set(claims.flatMap((claim) => claim.sources));
  const used = sources.filter(({ id }) => named.has(id));
  const list = used.map(
    ({ id, title, url }) => `- [${id}] ${url === null ? label(title) : `[${label(title)}](<${url}>)`}`,
  );
  const markdown = used.length === 0 ? body : `${body.trimEnd()}\n\n## ${heading}\n\n${list.join('\n')}\n`;
  return { markdown, used, claims };
}

/** Titles are of other authors: they must not become marks of Markdown or HTML. */
function label(title: string): string {
  return (
    title
      .replace(/[[\]<>`*_\\\n\r]/g, ' ')
      .replace(/\s+/g, ' ')
      .trim() || 'Source'
  );
}

/** Sources as results show them, without their texts. */
export function presentSources(sources: readonly Source[]) {
  return sources.map(({ text: _, ...source }) => source);
}
