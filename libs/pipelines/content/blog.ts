/** Articles: an outline, sections in parallel, an edit of the whole; short ones in one call. */
import { z } from 'zod';
import { OUTLINED_WORDS } from '#libs/contracts/generate.ts';
import { labelOf } from './messages.ts';
import { presentSources, sourcesOf, useOfSources, withCitations } from './sources.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  type DocumentContent,
  type JsonSpec,
  jsonOf,
  markdownOf,
  type StepInput,
  type StepOutputs,
} from './step.ts';
import { countWords, frequentTerms, plainText, shortenTo, slugOf, splitTitle } from './text.ts';
import { type Alternatives, alternativesOf } from './variants.ts';

const WORDS_PER_SECTION = 220;
const MAX_PLANNED_SECTIONS = 8;
const OUTLINE_WORDS = 220;
const METADATA_WORDS = 90;
const MAX_DESCRIPTION = 160;
const MIN_DESCRIPTION = 50;
const MAX_KEYWORDS = 8;
const WORDS_PER_MINUTE = 220;
/** An article may be this much shorter than requested. */
const TOLERANCE = 0.6;

export const OUTLINE = 'blog.outline';
const METADATA = 'blog.metadata';
const EDIT = 'blog.edit';
const WRITE = 'blog.write';

const outline = z.object({
  title: z.string(),
  sections: z.array(z.object({ heading: z.string(), points: z.array(z.string()) })),
});
export type Outline = z.infer<typeof outline>;

type Metadata = { meta_description: string; keywords: string[] } & Alternatives;

export function isShortForm(words: number): boolean {
  return words < OUTLINED_WORDS;
}

function sectionCount(words: number): number {
  return Math.min(MAX_PLANNED_SECTIONS, Math.max(3, Math.round(words / WORDS_PER_SECTION)));
}

/** The step whose output is the article. */
export function articleStep(words: number): string {
  return isShortForm(words) ? WRITE : EDIT;
}

export const blogPipeline: ContentPipeline = {
  steps: (brief) => (isShortForm(brief.words) ? [shortForm(brief)] : longForm(brief)),
  assemble: (brief, outputs) =>
    isShortForm(brief.words) ? assembleShort(brief, outputs) : assembleLong(brief, outputs),
};

function shortForm(brief: ContentBrief): ContentStep {
  const { words, basis, isTight, hasSpares } = brief;
  const start = `Write a blog article of about ${words} words in Markdown:`;
  return {
    key: WRITE,
    part: 'blog',
    role: 'writer',
    template: isTight ? 'blog.write.compact@1' : 'blog.write@2',
    message: 'write',
    task: isTight
      ? `${start} "# title", a short introduction, two or three "## " sections, a closing sentence. Article only.`
      : `${start} "# title" (specific, at most 70 characters), an opening of one or two sentences that gives the point, two or three "## " sections with concrete steps, facts or examples, and a closing sentence that says what to do first. Article only.`,
    inputs: basis,
    sources: useOfSources(brief, 'cite'),
    spec: { kind: 'markdown', minWords: Math.floor(words * TOLERANCE), minHeadings: 1 },
    words,
    hasSpare: hasSpares && !isTight,
    isCompact: isTight,
    counts: { 'gen.blog': 1 },
  };
}

function longForm(brief: ContentBrief): ContentStep[] {
  const { words, basis, hasSpares } = brief;
  const count = brief.approval?.sections ?? sectionCount(words);
  const sectionWords = Math.round((words * 0.85) / count);
  const fromOutline: StepInput = { from: OUTLINE, label: 'outline', words: OUTLINE_WORDS * 1.5 };
  const sections = Array.from({ length: count }, (_, index) =>
    sectionStep(index + 1, count, sectionWords, {
      inputs: [fromOutline, ...basis],
      sources: useOfSources(brief, 'cite'),
    }),
  );
  const titles = alternativesOf(brief.request, 'title', MAX_TITLE);
  const hasMarks = useOfSources(brief, 'cite') !== undefined;
  const shared = { part: 'blog', hasSpare: hasSpares } as const;
  return [
    {
      ...shared,
      key: OUTLINE,
      role: 'writer',
      template: 'blog.outline@2',
      message: 'outline',
      task: `Plan a blog article of about ${words} words. Decide first who searches for this, what they want to be able to do or decide afterwards, and which one angle serves that best; the plan follows it. Give it a specific title of at most 70 characters that promises no more than the article delivers, and exactly ${count} sections in the order in which readers need them. Each has a heading that says something (not "Introduction", "Overview" or "Tips") and two to four points, each a concrete fact, example, step, figure or objection to write about. No introduction and no conclusion; they are written later. No section repeats another.`,
      inputs: basis,
      sources: useOfSources(brief, 'read'),
      spec: outlineSpec(count),
      needsApproval: brief.request.outline_approval === true && brief.approval === undefined,
      words: OUTLINE_WORDS,
      counts: {},
    },
    ...sections,
    {
      ...shared,
      key: METADATA,
      role: 'fast',
      template: 'blog.metadata@2',
      message: 'metadata',
      task: `Describe the article of this outline for search engines: a meta description of ${MIN_DESCRIPTION} to 155 characters that answers the searcher's question or says what they learn, as a sentence that does not mention the article; and three to ${MAX_KEYWORDS} keywords of one to four words as people type them, the most important first.${titles.task}`,
      inputs: [fromOutline],
      spec: metadataSpec(titles),
      words: METADATA_WORDS + titles.words,
      counts: {},
    },
    {
      ...shared,
      key: EDIT,
      role: 'writer',
      template: 'blog.edit@2',
      message: 'edit',
      task: `Edit the sections below into one article of about ${words} words in Markdown. Put an introduction of two or three sentences before the first section: the question of the reader and what the answer depends on, without announcing the sections. Put a conclusion with a heading of its own after the last: what to do first or what to remember, not a summary. Keep every "## …" heading, in order. Correct errors, cut repetitions and filler, connect the sections, use one term for one thing, and add no claims.${hasMarks ? ' Keep the ids of sources, such as [S1], at their claims.' : ''} Answer with the article without its title, and nothing else.`,
      inputs: [
        { from: OUTLINE, label: 'outline', words: OUTLINE_WORDS },
        ...sections.map(({ key }, index) => ({
          from: key,
          label: `section ${index + 1}`,
          words: Math.round(sectionWords * 1.3),
        })),
      ],
      spec: { kind: 'markdown', minWords: Math.floor(words * TOLERANCE), minHeadings: count },
      words: Math.round(words * 1.1),
      counts: { 'gen.blog': 1 },
    },
  ];
}

function sectionStep(
  number: number,
  count: number,
  words: number,
  from: Pick<ContentStep, 'inputs' | 'sources'>,
): ContentStep {
  return {
    key: `blog.section.${number}`,
    part: 'blog',
    role: 'writer',
    template: 'blog.section@2',
    message: 'section',
    number,
    task: `Write section ${number} of ${count} of the outlined article: about ${words} words of Markdown under its heading as "## …". Cover its points and nothing that another section covers. Open with the most useful sentence. Say why, not only what: with an example, steps in order, a comparison, or a figure that you are sure of. Short paragraphs; a list only for steps or options. Answer with the section only.`,
    ...from,
    spec: { kind: 'markdown', minWords: Math.floor(words * 0.4), minHeadings: 0 },
    words,
    hasSpare: false,
    counts: {},
  };
}

const MAX_TITLE = 120;

function outlineSpec(count: number): JsonSpec {
  return {
    kind: 'json',
    name: 'blog_outline',
    schema: outline,
    problems: ({ title, sections }: Outline) => [
      ...(title.trim() === '' ? ['The title is empty.'] : []),
      ...(sections.length === count ? [] : [`Give exactly ${count} sections, not ${sections.length}.`]),
      ...(new Set(sections.map(({ heading }) => heading.toLowerCase())).size === sections.length
        ? []
        : ['Two sections have the same heading.']),
    ],
    fit: ({ title, sections }: Outline) => ({
      title: shortenTo(plainText(title), MAX_TITLE),
      sections: sections.slice(0, count),
    }),
  };
}

function metadataSpec(titles: ReturnType<typeof alternativesOf>): JsonSpec {
  return {
    kind: 'json',
    name: 'blog_metadata',
    schema: z.object({ meta_description: z.string(), keywords: z.array(z.string()), ...titles.shape }),
    problems: ({ meta_description: text, keywords, ...more }: Metadata) => [
      ...(text.length >= MIN_DESCRIPTION
        ? []
        : [`The meta description has fewer than ${MIN_DESCRIPTION} characters.`]),
      ...(keywords.length >= 3 ? [] : ['Give at least three keywords.']),
      ...titles.problems(more),
    ],
    fit: ({ meta_description: text, keywords, ...more }: Metadata) => ({
      ...titles.fit(more),
      meta_description: shortenTo(plainText(text), MAX_DESCRIPTION),
      keywords: [...new Set(keywords.map((word) => word.trim()).filter(Boolean))].slice(0, MAX_KEYWORDS),
    }),
  };
}

function assembleLong(brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  const { title, sections } = jsonOf<Outline>(outputs, OUTLINE);
  const metadata = jsonOf<Metadata>(outputs, METADATA);
  const { body } = splitTitle(markdownOf(outputs, EDIT));
  return article(brief, outputs, { title, body, ...metadata, outline: sections });
}

function assembleShort(brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  const { request } = brief;
  const { title, body } = splitTitle(markdownOf(outputs, WRITE));
  return article(brief, outputs, {
    title: title ?? request.topic ?? plainText(body).slice(0, MAX_TITLE),
    body,
    meta_description: shortenTo(plainText(body.split(/\n##\s/, 1)[0] ?? body), MAX_DESCRIPTION),
    keywords: request.keywords ?? frequentTerms(body, 5),
  });
}

type ArticleParts = Metadata & { title: string; body: string; outline?: Outline['sections'] };

function article(
  brief: ContentBrief,
  outputs: StepOutputs,
  { title, body, outline: sections, ...rest }: ArticleParts,
): DocumentContent {
  const { language } = brief;
  const sources = sourcesOf(brief, outputs);
  const { markdown, used, claims } = withCitations(body, sources, labelOf('sources', language));
  const words = countWords(plainText(body));
  return {
    title,
    content: {
      title,
      slug: slugOf(title),
      ...rest,
      language,
      body: markdown,
      words,
      reading_minutes: Math.max(1, Math.round(words / WORDS_PER_MINUTE)),
      ...(sections && { outline: sections }),
      ...(sources.length > 0 && { sources: presentSources(used), claims }),
    },
    markdown: `# ${title}\n\n${markdown}`,
  };
}
