/** Research before anything is written: one search for each provider, as steps of their own. */

import { partsOf } from './parts.ts';
import { INSIGHTS_INPUT } from './recording.ts';
import type { ContentBrief, ContentStep } from './step.ts';

const RESEARCH = 'research';
/** What search providers take. */
const MAX_QUERY = 400;

/** The keys of the steps that search. */
export function researchKeys(providers: readonly string[]): string[] {
  return providers.map((provider) => `${RESEARCH}.${provider}`);
}

/** With several providers, one that fails is done without. */
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
