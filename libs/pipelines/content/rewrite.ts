/** Rewrites one section of an article. */
import type { SectionRewrite } from '#libs/contracts/content-inputs.ts';
import type { ContentBrief, ContentStep, DocumentContent, StepOutputs } from './step.ts';
import { markdownOf, SOURCE } from './step.ts';

export const REWRITE = 'rewrite.section';

export function rewriteSteps({ hasSpares }: ContentBrief, rewrite: SectionRewrite): ContentStep[] {
  const { section, words, instructions } = rewrite;
  return [
    {
      key: REWRITE,
      part: 'blog',
      role: 'writer',
      template: 'rewrite.section@2',
      message: 'rewrite',
      number: section,
      task: [
        `Rewrite the section below of the article below: about ${words} words of Markdown under one heading as "## …". Keep its facts and the ids of sources such as [S1], make it clearer and more specific, do not repeat what other sections say, and answer with the section only.`,
        ...(instructions === null ? [] : [`What to change: ${instructions}`]),
      ].join('\n'),
      inputs: [{ from: SOURCE, label: 'article', words: 0 }],
      spec: { kind: 'markdown', minWords: Math.floor(words * 0.4), minHeadings: 1 },
      words: Math.round(words * 1.3),
      hasSpare: hasSpares,
      counts: {},
    },
  ];
}

/** The section, which becomes a part of a new version of its document. */
export function assembleRewrite({ inputs }: ContentBrief, outputs: StepOutputs): DocumentContent {
  return { title: inputs.source?.title ?? '', content: {}, markdown: markdownOf(outputs, REWRITE) };
}
