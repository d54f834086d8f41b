/** Search engine optimisation: keyword clusters, titles and advice; with a text, its readability and on-page checks. */
import { z } from 'zod';
import { type Label, labelOf } from './messages.ts';
import { checkPage, localeOf, readabilityOf } from './readability.ts';
import { documentTitle } from './research.ts';
import { useOfSources } from './sources.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  type DocumentContent,
  type JsonSpec,
  jsonOf,
  markdownOf,
  type StepOutputs,
} from './step.ts';
import { plainText, shortenTo } from './text.ts';

const KEY = 'seo.analyse';
const INTENTS = ['informational', 'commercial', 'transactional', 'navigational'] as const;
const MAX_DESCRIPTION = 160;

const analysis = z.object({
  primary_keyword: z.string(),
  clusters: z.array(z.object({ name: z.string(), intent: z.enum(INTENTS), keywords: z.array(z.string()) })),
  titles: z.array(z.string()),
  meta_description: z.string(),
  questions: z.array(z.string()),
  recommendations: z.array(z.string()),
});
type Analysis = z.infer<typeof analysis>;

/** A budget that is too small for an analysis is enough for a list. */
const BASIC_KEY = 'seo.list';
const BASIC_WORDS = 120;

export const seoPipeline: ContentPipeline = {
  steps: (brief) => (brief.isTight ? listSteps(brief) : analysisSteps(brief)),
  assemble: (brief, outputs) =>
    brief.isTight ? assembleList(brief, outputs) : assembleAnalysis(brief, outputs),
};

function listSteps({ basis }: ContentBrief): ContentStep[] {
  return [
    {
      key: BASIC_KEY,
      part: 'seo',
      role: 'fast',
      template: 'seo.list@1',
      message: 'seo',
      task: 'For search engines, as Markdown lists: "## Keywords" (ten), "## Titles" (three), "## Meta description" (155 characters). Lists only.',
      inputs: basis,
      spec: { kind: 'markdown', minWords: 20, minHeadings: 1 },
      words: BASIC_WORDS,
      hasSpare: false,
      isCompact: true,
      counts: { 'gen.seo': 1 },
    },
  ];
}

function analysisSteps(brief: ContentBrief): ContentStep[] {
  const { basis, hasSpares } = brief;
  return [
    {
      key: KEY,
      part: 'seo',
      role: 'writer',
      template: 'seo.analyse@2',
      message: 'seo',
      task: `Analyse the subject for search engines: its primary keyword as people type it in the requested language; three to five clusters of four to eight related keywords, long ones and questions among them, with the intent of those who search for them; three titles of 40 to 65 characters with the keyword near the beginning; a meta description of at most 155 characters that gives a reason to open the page; three to six questions in the words of searchers; and three to six recommendations${basis.length > 0 ? ' for the text' : ' for a page about it'}, each one concrete change: what, where and why. Claim no search volumes or rankings: you do not know them.`,
      inputs: basis,
      sources: useOfSources(brief, 'read'),
      spec: SPEC,
      words: 420,
      hasSpare: hasSpares,
      counts: { 'gen.seo': 1 },
    },
  ];
}

function assembleAnalysis(brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  const result = jsonOf<Analysis>(outputs, KEY);
  const measured = measure(brief, outputs, brief.request.keywords?.[0] ?? result.primary_keyword);
  const title = `SEO: ${result.primary_keyword}`;
  return {
    title,
    content: { ...result, ...measured },
    markdown: present(title, result, measured, brief.language),
  };
}

function assembleList(brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  const keyword = brief.request.keywords?.[0] ?? brief.request.topic ?? '';
  const markdown = markdownOf(outputs, BASIC_KEY);
  const title = `SEO: ${keyword || documentTitle(brief, outputs, labelOf('keywords', brief.language))}`;
  const measured = measure(brief, outputs, keyword);
  return { title, content: { list: markdown, ...measured }, markdown: `# ${title}\n\n${markdown}` };
}

function measure(brief: ContentBrief, outputs: StepOutputs, keyword: string): Measured | false {
  const text = textOf(brief, outputs);
  return (
    text !== '' && {
      readability: readabilityOf(text, brief.language),
      checks: checkPage(text, keyword, brief.language),
    }
  );
}

const SPEC: JsonSpec = {
  kind: 'json',
  name: 'seo_analysis',
  schema: analysis,
  problems: ({ primary_keyword: keyword, clusters, titles }: Analysis) => [
    ...(keyword.trim() === '' ? ['The primary keyword is empty.'] : []),
    ...(clusters.length >= 2 ? [] : ['Give at least two clusters.']),
    ...(clusters.every(({ keywords }) => keywords.length > 0) ? [] : ['A cluster has no keywords.']),
    ...(titles.length > 0 ? [] : ['Give at least one title.']),
  ],
  fit: (value: Analysis) => ({
    ...value,
    meta_description: shortenTo(plainText(value.meta_description), MAX_DESCRIPTION),
  }),
};

/** The text that is analysed: the article of the job, or the source. */
function textOf({ basis }: ContentBrief, outputs: StepOutputs): string {
  const [input] = basis;
  return input === undefined ? '' : markdownOf(outputs, input.from);
}

type Measured = { readability: ReturnType<typeof readabilityOf>; checks: ReturnType<typeof checkPage> };

function present(title: string, result: Analysis, measured: Measured | false, language: string): string {
  const heading = (label: Label) => `## ${labelOf(label, language)}`;
  const list = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');
  const sections = [
    `# ${title}`,
    `${heading('keywords')}\n\n${list(result.clusters.map(({ name, intent, keywords }) => `**${name}** (${labelOf(intent, language)}): ${keywords.join(separatorOf(language))}`))}`,
    `${heading('titles')}\n\n${list(result.titles)}`,
    `${heading('meta_description')}\n\n${result.meta_description}`,
    `${heading('questions')}\n\n${list(result.questions)}`,
    `${heading('recommendations')}\n\n${list(result.recommendations)}`,
    ...(measured
      ? [
          `${heading('checks')}\n\n${list(measured.checks.map(({ passed, detail }) => `${passed ? '✓' : '✗'} ${detail}`))}`,
          `${heading('readability')}\n\n${list(readabilityLines(measured.readability, language))}`,
        ]
      : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** Between the items of a list in a line. */
function separatorOf(language: string): string {
  return language === 'ja' || language === 'zh' ? '、' : ', ';
}

function readabilityLines(readability: Measured['readability'], language: string): string[] {
  const { format } = new Intl.NumberFormat(localeOf(language));
  const { words, sentences, words_per_sentence, long_sentences_percent, flesch_reading_ease } = readability;
  const figures: (readonly [Label, number | null, string?])[] = [
    ['words', words],
    ['sentences', sentences],
    ['words_per_sentence', words_per_sentence],
    ['long_sentences', long_sentences_percent, ' %'],
    ['reading_ease', flesch_reading_ease],
  ];
  return figures.flatMap(([label, value, unit = '']) =>
    value === null ? [] : [`${labelOf(label, language)}: ${format(value)}${unit}`],
  );
}
