import { callFirst } from '#libs/clients/call-first.ts';
import { type ArticleOutline, generateRequest } from '#libs/contracts/generate.ts';
import { approveGeneration, retryGeneration } from '#libs/contracts/generations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { type JobPlan, jobPlan, jobPlanPath } from '#libs/contracts/job-plan.ts';
import { problem } from '#libs/problems/problems.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import type { PreparedRequest } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import type { ContentBody } from './domain.ts';
import type { ContentSources } from './inputs.ts';
import { planGeneratedContent } from './plan.ts';
import { jobRouteBase } from './routes.ts';

export type ResumedJob = {
  id: string;
  requestId: string;
  caller: Caller;
  /** The client's bytes, which tell whether a repeated `Idempotency-Key` is for the same request. */
  bytes: Buffer;
};

/**
 * `POST /api/generations/{id}/retry`: the steps of a job that have not succeeded, planned and held anew.
 *
 * @throws ProblemError `not_found`, `conflict` for a job that runs or is complete, `service_unavailable`.
 */
export async function prepareRetry(
  sources: ContentSources,
  job: ResumedJob,
): Promise<PreparedRequest<ContentBody>> {
  const found = await readJobPlan(sources, job);
  return resumedRequest(sources, retryGeneration, job, found, ['failed', 'cancelled']);
}

/**
 * `POST /api/generations/{id}/approve`: the steps that follow the outline of a job.
 *
 * @throws ProblemError `not_found`, `conflict` for a job that does not wait for it, `service_unavailable`.
 */
export async function prepareApproval(
  sources: ContentSources,
  job: ResumedJob,
  outline: ArticleOutline | undefined,
): Promise<PreparedRequest<ContentBody>> {
  const found = await readJobPlan(sources, job);
  const approval = { sections: outline?.sections.length ?? null };
  const prepared = resumedRequest(sources, approveGeneration, job, { ...found, approval }, [
    'needs_approval',
  ]);
  return {
    ...prepared,
    ...(outline && { route: moderatedRoute(prepared.route, sources.priceBook, isModerated('content')) }),
    body: { ...prepared.body, approval: { ...approval, ...(outline && { outline }) } },
  };
}

async function readJobPlan(
  { generation }: ContentSources,
  { id, requestId, caller }: ResumedJob,
): Promise<JobPlan> {
  const path = jobPlanPath(id);
  return jobPlan.parse(await callFirst(generation, { method: 'GET', path, requestId, caller }));
}

/** A request that continues a job. Its steps follow from the request that created it, which therefore stays as it was. */
function resumedRequest(
  { priceBook }: ContentSources,
  operation: MeteredRoute<ContentBody>['operation'],
  { id, bytes }: ResumedJob,
  { status, request, inputs, approval, scale, done }: JobPlan,
  statuses: readonly string[],
): PreparedRequest<ContentBody> {
  const resumed = { scale, done: new Set(done), approval };
  const route: MeteredRoute<ContentBody> = {
    ...jobRouteBase,
    operation,
    adapt({ body }) {
      // Checked here, because a repeated request finds its stored response first.
      if (!statuses.includes(status)) throw problem('conflict', { detail: `The job is ${status}.` });
      return { body: { ...body }, ignored: [] };
    },
    plan: (check, bounds) => planGeneratedContent('job', check, bounds, priceBook, resumed),
  };
  const body = { ...generateRequest.parse(request), allow_degraded: false, inputs, resume: id };
  return { body, route, bytes };
}
