/** Research before anything is written: one search for each provider, as steps of their own. */

import { partsOf } from './parts.ts';
import { INSIGHTS_INPUT, insightsTitle } from './recording.ts';
import type { ContentBrief, ContentStep, StepOutputs } from './step.ts';
import { shortenTo } from './text.ts';

const RESEARCH = 'research';
const MAX_TITLE = 120;
/** What search providers take. */
const MAX_QUERY = 400;

/** The keys of the steps that search. */
export function researchKeys(providers: readonly string[]): string[] {
  return providers.map((provider) => `${RESEARCH}.${provider}`);
}

/**
 * With several providers, one that fails is done without. A single one has fallbacks; if all fail, so does the step, and
 * nothing is written: a text without the sources that were asked for would be another product.
 */
export function researchSteps(brief: ContentBrief): ContentStep[] {
  const { research, inputs } = brief;
  const query = subjectOf(brief);
  return research.map((key, index) => ({
    key,
    part: partsOf(brief.request)[0] ?? 'blog',
    role: 'fast',
    template: 'research@1',
    message: 'research',
    task: '',
    inputs: query === '' ? [INSIGHTS_INPUT] : [],
    spec: { kind: 'search', provider: inputs.research?.[index] ?? '', query },
    words: 0,
    hasSpare: false,
    isOptional: research.length > 1,
    counts: {},
  }));
}

/** The title of a document that has none of its own. @param label what it is, if nothing says what it is about. */
export function documentTitle(brief: ContentBrief, outputs: StepOutputs, label: string): string {
  const subject = subjectOf(brief) || insightsTitle(outputs) || label;
  return shortenTo(subject, MAX_TITLE);
}

/** What content is about, in a few words: the query of its research and of the knowledge base. Empty for a recording. */
export function subjectOf({ request, inputs }: Pick<ContentBrief, 'request' | 'inputs'>): string {
  const text = request.text ?? inputs.source?.text ?? '';
  const subject = request.topic ?? inputs.source?.title ?? text;
  return subject
    .replace(/[#*_`>|]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_QUERY)
    .toWellFormed();
}
