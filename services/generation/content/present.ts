import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { PROBLEM_FIELDS } from '#libs/contracts/problem-fields.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import type { LimitState } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import { PROBLEMS, type ProblemCode } from '#libs/problems/catalogue.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { figureHeaders, type SettledFigures } from '../calls/domain/run-call.ts';
import type { EventRow, GenerationRow, StoredDocument } from '../jobs/plugin.ts';
import { presentFigures } from '../requests/domain/figures.ts';

export type ContentResult = {
  job: GenerationRow;
  documents: readonly StoredDocument[];
  /** Of the limit nearest to its end. */
  budgetState: LimitState;
  planContext: PlanContext | undefined;
  generatedAt: Date;
};

export function figuresOfJob({ job, budgetState }: ContentResult): SettledFigures {
  return { costNanoUsd: job.costNanoUsd, tokens: job.tokens, state: budgetState };
}

/** The response of `POST /api/generate`: texts as Markdown, and the documents with their fields. */
export function presentContent(result: ContentResult) {
  const { job, documents, planContext, generatedAt } = result;
  const request = job.request as GenerateRequest;
  const markdown = (type: string) => documents.find((one) => one.type === type)?.markdown ?? null;
  return {
    content: markdown('blog') ?? '',
    social_media_content: markdown('social'),
    audio_content: markdown('audio'),
    video_content: markdown('video'),
    topic: request.topic ?? '',
    generated_at: generatedAt.toISOString(),
    cached: job.copyOf !== null && job.status === 'completed',
    generation_id: job.id,
    documents: documents.map(({ id, type, content }) => ({ document_id: id, content_type: type, content })),
    ...(job.error && { error: job.error }),
    usage: presentFigures(figuresOfJob(result)),
    ...planContext,
  };
}

/** The problem of a job without any result; null if it has one. Its figures equal those of the ledger. */
export function failureOfJob(result: ContentResult): ProblemError | null {
  const { job, documents } = result;
  if (job.status === 'completed' || (job.status === 'failed' && documents.length > 0)) return null;
  const { code = 'internal_error', detail } = job.error ?? cancelledFailure(job);
  const known = code in PROBLEMS ? (code as ProblemCode) : 'provider_error';
  const figures = figuresOfJob(result);
  return problem(known, {
    ...(detail !== undefined && { detail }),
    ...(reportsCost(known) && {
      fields: { cost_usd: formatUsd(figures.costNanoUsd), tokens: figures.tokens },
    }),
    headers: {
      ...figureHeaders(figures, 'error'),
      // SDKs repeat failed requests, and each would be charged
      ...(figures.costNanoUsd > 0n && { 'x-should-retry': 'false' }),
    },
  });
}

function reportsCost(code: ProblemCode): boolean {
  return 'cost_usd' in (PROBLEM_FIELDS[code]?.fields ?? {});
}

function cancelledFailure({ status }: GenerationRow): { code?: string; detail?: string } {
  return status === 'cancelled' ? { code: 'client_closed_request' } : {};
}

/** The events of a job as `POST /api/generate` sends them, with the percent of the whole; null for those that it does not send. */
export function createContentEvents(): (event: EventRow) => { event: string; data: object } | null {
  let progress = 0;
  return ({ type, data }) => {
    if (typeof data.percent === 'number') progress = data.percent;
    if (type === 'content') return { event: 'content', data: { ...data, progress } };
    if (type !== 'step' || data.status !== 'running') return null;
    return { event: 'status', data: { step: data.step, message: data.message, progress } };
  };
}
