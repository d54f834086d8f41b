import { CONTENT_KIT, type Part } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import { stepMessage } from '#libs/pipelines/content/messages.ts';
import { componentsOf } from '#libs/pipelines/content/parts.ts';
import { assemblePart, writtenStep } from '#libs/pipelines/content/pipeline.ts';
import type { Repair } from '#libs/pipelines/content/prompt.ts';
import type { DocumentContent, StepOutput } from '#libs/pipelines/content/step.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import {
  advanced,
  cancelled,
  type GenerationRow,
  isIdle,
  isPaused,
  type Job,
  outputsOf,
  partStatuses,
  percentOf,
  type Statuses,
  type StepRow,
  statusesOf,
} from './job.ts';
import { findSpareCall, type SpareCall } from './spare-call.ts';

/** How a call of a step ended. */
export type CallEnd =
  | { readonly kind: 'output'; readonly output: StepOutput; readonly warnings: readonly string[] }
  /** Another call continues or corrects it. */
  | { readonly kind: 'repair'; readonly repair: Repair }
  /** The service stopped during the call. Another process makes it again if the budget has a call left. */
  | { readonly kind: 'cut'; readonly failure: GenerationFailure }
  | { readonly kind: 'failed'; readonly failure: GenerationFailure };

export type FinishedPart = { readonly part: Part; readonly document: DocumentContent };

export type EndDecision = {
  readonly end: CallEnd;
  /** For a call that was cut: the call of another step that repeats it; its own step may have one left. */
  readonly spare?: SpareCall | undefined;
  readonly statuses: Statuses;
  /** No step runs or waits any more. */
  readonly isIdle: boolean;
  /** No step can run until its owner approves. */
  readonly isPaused: boolean;
  readonly status: GenerationRow['status'];
  readonly percent: number;
  readonly error: GenerationFailure | null;
  /** The parts that this step completes. */
  readonly finished: readonly FinishedPart[];
  readonly events: readonly { type: string; data: Record<string, unknown> }[];
};

/** What follows from the end of a call of a running step. */
export function decideEnd(job: Job, rows: readonly StepRow[], own: StepRow, end: CallEnd): EndDecision {
  if (end.kind === 'repair' || end.kind === 'cut') return decideNextCall(job, rows, own, end);
  try {
    return decide(job, rows, own, end);
  } catch {
    // The settlement must commit in any case.
    const detail = 'The results of the steps do not make a document.';
    return decide(job, rows, own, {
      kind: 'failed',
      failure: { code: 'provider_malformed', detail, step: own.key },
    });
  }
}

/** The step goes on with another call, unless its job was cancelled or no call is left. */
function decideNextCall(
  job: Job,
  rows: readonly StepRow[],
  own: StepRow,
  end: Extract<CallEnd, { kind: 'repair' | 'cut' }>,
): EndDecision {
  if (job.row.status === 'cancelled')
    return decide(job, rows, own, { kind: 'failed', failure: cancelledFailure(own.key) });
  const next = own.calls[own.callsSettled + 1];
  // A moderation makes nothing again.
  const hasOwn = next !== undefined && next.step !== SAFETY_STEP;
  const spare = hasOwn ? undefined : findSpareCall(rows, own.calls[own.callsSettled] as PlannedCall);
  if (end.kind === 'cut' && !hasOwn && spare === undefined)
    return decide(job, rows, own, { kind: 'failed', failure: end.failure });
  const { status, percent, error } = job.row;
  return {
    ...{ end, statuses: statusesOf(rows), isIdle: false, isPaused: false, status, percent, error },
    ...(end.kind === 'cut' && { spare }),
    finished: [],
    events: [],
  };
}

export function cancelledFailure(step: string): GenerationFailure {
  return { code: 'client_closed_request', detail: 'The job was cancelled.', step };
}

function decide(job: Job, rows: readonly StepRow[], own: StepRow, end: CallEnd): EndDecision {
  const { row, steps } = job;
  const before = statusesOf(rows);
  const ended = new Map(before).set(own.key, end.kind === 'output' ? 'succeeded' : 'failed');
  const isCancelled = row.status === 'cancelled';
  const statuses = isCancelled ? cancelled(ended) : advanced(steps, ended);
  const idle = isIdle(statuses);
  const paused = isPaused(statuses);
  const finished = finishedParts(job, rows, own, end, statuses);
  const parts = [...partStatuses(job, statuses).values()];
  const isComplete = parts.every((status) => status === 'completed');
  const failure = end.kind === 'failed' ? end.failure : null;
  const percent = idle && isComplete ? 100 : percentOf(steps, statuses);
  return {
    end,
    statuses,
    isIdle: idle,
    isPaused: paused,
    status: isCancelled ? 'cancelled' : statusOf(row.status, { idle, paused, isComplete }),
    percent,
    error: row.error ?? (isCancelled ? null : failure),
    finished,
    events: [
      ...finished.flatMap((one) => finishedEvents(job, one)),
      stepEvent(job, own.key, end.kind === 'output' ? 'succeeded' : 'failed', percent, failure),
      ...approvalEvents(job, own, end),
      ...(paused ? [{ type: 'status', data: { status: 'needs_approval', percent } }] : []),
    ],
  };
}

function statusOf(
  status: GenerationRow['status'],
  { idle, paused, isComplete }: { idle: boolean; paused: boolean; isComplete: boolean },
): GenerationRow['status'] {
  if (paused) return 'needs_approval';
  if (!idle) return status;
  return isComplete ? 'completed' : 'failed';
}

/** What the owner of a job that waits has to approve. */
function approvalEvents({ steps }: Job, own: StepRow, end: CallEnd) {
  const isGate = steps.some(({ key, needsApproval }) => key === own.key && needsApproval);
  if (!isGate || end.kind !== 'output' || !('json' in end.output)) return [];
  return [{ type: 'approval', data: { step: own.key, outline: end.output.json } }];
}

function finishedParts(
  job: Job,
  rows: readonly StepRow[],
  own: StepRow,
  end: CallEnd,
  statuses: Statuses,
): FinishedPart[] {
  if (end.kind !== 'output') return [];
  const step = job.steps.find(({ key }) => key === own.key);
  if (step === undefined) return [];
  const parts = [...partStatuses(job, statuses)].flatMap(([part, status]) =>
    status === 'completed' && componentsOf(part).includes(step.part) ? [part] : [],
  );
  const outputs = new Map(outputsOf(job, rows)).set(own.key, end.output);
  return parts.map((part) => ({ part, document: assemblePart(part, job.brief, outputs) }));
}

/** The text of a part, unless its text has been sent. With the list of its sources, it replaces what was sent. */
function finishedEvents({ brief }: Job, { part, document }: FinishedPart) {
  if (part === CONTENT_KIT) return [];
  if (writtenStep(part, brief) === undefined) return textEvents(part, document.markdown);
  if (!('claims' in document.content)) return [];
  return [{ type: 'content', data: { content_type: part, chunk: document.markdown, replace: true } }];
}

export function stepEvent(
  { steps, brief }: Job,
  key: string,
  status: 'running' | 'succeeded' | 'failed',
  percent: number,
  error: GenerationFailure | null = null,
) {
  const step = steps.find((one) => one.key === key);
  const message = step && stepMessage(step.message, brief.language, step.number);
  return { type: 'step', data: { step: key, status, message, percent, ...(error && { error }) } };
}

/** A text that was not sent while it was written, by paragraphs. */
export function textEvents(part: Part, markdown: string) {
  const chunks = markdown.split(/(?<=\n\n)/);
  return chunks.map((chunk) => ({ type: 'content', data: { content_type: part, chunk } }));
}
