/** Content jobs as a state machine: what follows from the end of a step. Pure. */
import type { ContentInputs, OutlineApproval } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest, Part } from '#libs/contracts/generate.ts';
import type { CacheTerms } from '#libs/contracts/generation-requests.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import type { generationSteps, generations } from '#libs/db/schema/generations.ts';
import { detectLanguage } from '#libs/pipelines/content/language.ts';
import { componentsOf, partsOf } from '#libs/pipelines/content/parts.ts';
import { briefOf, contentSteps } from '#libs/pipelines/content/pipeline.ts';
import { TRANSCRIPT } from '#libs/pipelines/content/recording.ts';
import {
  type ContentBrief,
  type ContentStep,
  dependenciesOf,
  SOURCE,
  type StepOutput,
  type StepOutputs,
} from '#libs/pipelines/content/step.ts';

export type GenerationRow = typeof generations.$inferSelect;
export type StepRow = typeof generationSteps.$inferSelect;
export type StepStatus = StepRow['status'];

/** What is kept of a job in addition to its request. */
export type JobContext = {
  /** For a request with an `Idempotency-Key`: what its response is in addition to the results. */
  readonly response?: { readonly kind: 'job' | 'json' | 'events'; readonly planContext?: PlanContext };
  /** The texts that its request names, as they were when it was created. */
  readonly inputs?: ContentInputs;
  /** The approval of its outline, once it is given. */
  readonly approval?: OutlineApproval;
  /** The language of its recording, once that is transcribed. */
  readonly spokenLanguage?: string;
  /** The trace of the request that created or continued it. */
  readonly traceparent?: string | undefined;
  /** How it takes part in the content cache. */
  readonly cache?: CacheTerms;
};

export const contextOf = ({ context }: Pick<GenerationRow, 'context'>) => context as JobContext;

/** Whether `POST /api/generate` answers with JSON: events are the default. */
export function wantsJson(accept = ''): boolean {
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}

/** The task that runs a step. */
export const RUN_STEP = 'run-generation-step';

/** A job with the pipeline that its request describes. */
export type Job = {
  readonly row: GenerationRow;
  readonly brief: ContentBrief;
  readonly steps: ContentStep[];
};

export function jobOf(row: GenerationRow): Job {
  const { inputs, approval, spokenLanguage } = contextOf(row);
  const brief = briefOf(row.request as GenerateRequest, row.scale, inputs, approval, spokenLanguage);
  return { row, brief, steps: contentSteps(brief) };
}

/** The job with the language of its recording, which the end of a call may show. */
export function withSpokenLanguage(
  row: GenerationRow,
  key: string,
  output: StepOutput | undefined,
): GenerationRow {
  if (key !== TRANSCRIPT || output === undefined || !('markdown' in output)) return row;
  return { ...row, context: { ...row.context, spokenLanguage: detectLanguage(output.markdown) } };
}

export type Statuses = ReadonlyMap<string, StepStatus>;

export function statusesOf(rows: readonly Pick<StepRow, 'key' | 'status'>[]): Map<string, StepStatus> {
  return new Map(rows.map(({ key, status }) => [key, status]));
}

const ENDED: ReadonlySet<StepStatus> = new Set(['succeeded', 'failed', 'skipped']);
const LOST: ReadonlySet<StepStatus> = new Set(['failed', 'skipped']);

export const hasEnded = (status: StepStatus | undefined) => status !== undefined && ENDED.has(status);
const isLost = (status: StepStatus | undefined) => status !== undefined && LOST.has(status);

/**
 * The statuses of the steps that wait: they may start when all they need has succeeded, and never if some of it failed. Of
 * the optional steps that they need, one success is enough.
 */
export function advanced(steps: readonly ContentStep[], statuses: Statuses): Map<string, StepStatus> {
  const next = new Map(statuses);
  const optional = new Set(steps.filter(({ isOptional }) => isOptional).map(({ key }) => key));
  const gates = new Set(steps.filter(({ needsApproval }) => needsApproval).map(({ key }) => key));
  // steps come after those that they need, so one pass is enough
  for (const step of steps) {
    if (next.get(step.key) !== 'waiting') continue;
    const needed = dependenciesOf(step);
    const required = needed.filter((key) => !optional.has(key)).map((key) => next.get(key));
    const anyOf = needed.filter((key) => optional.has(key)).map((key) => next.get(key));
    if (needed.some((key) => gates.has(key)) && !required.some(isLost)) continue;
    if (required.some(isLost) || (anyOf.length > 0 && anyOf.every(isLost))) next.set(step.key, 'skipped');
    else if (required.every((status) => status === 'succeeded') && anyOf.every(hasEnded))
      next.set(step.key, 'ready');
  }
  return next;
}

/** After a cancellation: nothing starts any more. */
export function cancelled(statuses: Statuses): Map<string, StepStatus> {
  const isPending = (status: StepStatus) => !ENDED.has(status) && status !== 'running';
  return new Map([...statuses].map(([key, status]) => [key, isPending(status) ? 'skipped' : status]));
}

export function isIdle(statuses: Statuses): boolean {
  return [...statuses.values()].every((status) => ENDED.has(status));
}

const WORKING: ReadonlySet<StepStatus> = new Set(['ready', 'queued', 'running']);

/** Whether everything that is left waits for an approval. */
export function isPaused(statuses: Statuses): boolean {
  return !isIdle(statuses) && ![...statuses.values()].some((status) => WORKING.has(status));
}

export type PartStatus = 'running' | 'completed' | 'failed';

export function partStatus(part: Part, steps: readonly ContentStep[], statuses: Statuses): PartStatus {
  const components = componentsOf(part);
  const own = steps.filter((step) => components.includes(step.part) && !step.isOptional);
  const ofOwn = own.map(({ key }) => statuses.get(key));
  if (ofOwn.every((status) => status === 'succeeded')) return 'completed';
  return ofOwn.some(isLost) ? 'failed' : 'running';
}

export function partStatuses({ brief, steps }: Job, statuses: Statuses): Map<Part, PartStatus> {
  return new Map(partsOf(brief.request).map((part) => [part, partStatus(part, steps, statuses)]));
}

/** Words that a step without words, such as a search, weighs as much as. */
const BASE_WEIGHT = 60;

/** Progress by the words of the steps. 100 only when all have succeeded. */
export function percentOf(steps: readonly ContentStep[], statuses: Statuses): number {
  const weigh = (list: readonly ContentStep[]) =>
    list.reduce((sum, { words }) => sum + words + BASE_WEIGHT, 0);
  const done = steps.filter(({ key }) => statuses.get(key) === 'succeeded');
  return Math.floor((100 * weigh(done)) / Math.max(1, weigh(steps)));
}

/** The outputs that are known, and the text that the request gave. */
export function outputsOf({ brief }: Job, rows: readonly StepRow[]): StepOutputs {
  const outputs = new Map<string, StepOutput>();
  const source = brief.request.text ?? brief.inputs.source?.text;
  if (source !== undefined) outputs.set(SOURCE, { markdown: source });
  for (const { key, status, output } of rows) {
    if (status === 'succeeded' && output !== null) outputs.set(key, output as StepOutput);
  }
  return outputs;
}

export function isFinal(status: GenerationRow['status']): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
