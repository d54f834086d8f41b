/** Moderates what a step took in, before anything is written from it: the pages of a search, or a transcript. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Verdict } from '#libs/pipelines/content/check.ts';
import type { Repair } from '#libs/pipelines/content/prompt.ts';
import { moderatedText, type Research, withoutRefused } from '#libs/pipelines/content/sources.ts';
import type { ContentStep } from '#libs/pipelines/content/step.ts';
import { SAFETY_STEP, safetyInput } from '#libs/pipelines/safety.ts';
import type { Attempt, CallRunner } from '../calls/domain/run-call.ts';
import { ProviderError } from '../providers/domain/provider-error.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { flagsAttempt, isAllowedAfter, safetyAttempt } from '../safety/domain.ts';

/** What a step took in, as its moderation receives it. It is kept with the step until then. */
export function materialOf(draft: string): Repair {
  return { draft, kind: 'correct', problems: [] };
}

export function isModerated(calls: readonly PlannedCall[]): boolean {
  return calls.some(({ step }) => step === SAFETY_STEP);
}

export function moderateMaterial(
  { moderationsIfConfigured }: Pick<Providers, 'moderationsIfConfigured'>,
  { spec }: Pick<ContentStep, 'spec'>,
  call: PlannedCall,
  draft: string,
): Attempt<Verdict> {
  const adapter = moderationsIfConfigured(call.provider);
  if (adapter === undefined) return async () => unmoderated(spec.kind, draft);
  return spec.kind === 'search'
    ? moderatePages(call, researchIn(draft), adapter)
    : moderateTranscript(call, draft, adapter);
}

/** The output of a step whose moderation failed; undefined if texts must not be written without it. */
export function afterOutage(
  { spec }: Pick<ContentStep, 'spec'>,
  code: string,
  draft: string,
  runner: Pick<CallRunner, 'moderationOutage'>,
): Verdict | undefined {
  return isAllowedAfter(code, runner) ? unmoderated(spec.kind, draft) : undefined;
}

function unmoderated(kind: string, draft: string): Verdict {
  const output = kind === 'search' ? { json: researchIn(draft) } : { markdown: draft };
  return { kind: 'accept', output, warnings: [] };
}

function researchIn(draft: string): Research {
  return JSON.parse(draft) as Research;
}

type Adapter = NonNullable<ReturnType<Providers['moderationsIfConfigured']>>;

/** A page that is flagged is left out, and named with the sources. */
function moderatePages(call: PlannedCall, { sources }: Research, adapter: Adapter): Attempt<Verdict> {
  const moderate = flagsAttempt(
    call,
    sources.map((source) => moderatedText(source).toWellFormed()),
    adapter,
  );
  return async (context, record) => {
    const flags = await moderate(context, record, call);
    if (flags.length !== sources.length)
      throw new ProviderError('malformed', 'The moderation has not one result for each page.');
    const research = withoutRefused(sources, flags);
    const warnings = research.refused.map(
      ({ url, categories }) => `The page ${url} was left out: it is flagged for ${categories.join(', ')}.`,
    );
    return { kind: 'accept', output: { json: research }, warnings };
  };
}

/** The transcript is the output of its step unless it is flagged. */
function moderateTranscript(call: PlannedCall, transcript: string, adapter: Adapter): Attempt<Verdict> {
  const moderate = safetyAttempt(call, safetyInput([transcript]), adapter);
  return async (context, record) => {
    const categories = await moderate(context, record, call);
    if (categories.length === 0) return { kind: 'accept', output: { markdown: transcript }, warnings: [] };
    const detail = `What is spoken was refused by moderation: ${categories.join(', ')}.`;
    return { kind: 'fail', code: 'prompt_refused', detail, partial: '' };
  };
}
