import type { InternalClient } from '#libs/clients/internal-client.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import { generation, retryGeneration } from '#libs/contracts/generations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { SCALE_STEPS } from '#libs/pipelines/content/pipeline.ts';
import { problem } from '#libs/problems/problems.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import type { PreparedRequest } from '../metering/plugin.ts';
import { planGeneratedContent } from './plan.ts';
import { createGenerationRoute } from './routes.ts';

/** A request with the job that it continues. */
type ResumeRequest = GenerateRequest & { resume: string };

/**
 * `POST /api/generations/{id}/retry`: the steps of a job that have not succeeded, planned and held anew.
 *
 * @throws ProblemError `not_found`, `conflict` for a job that runs or is complete, `service_unavailable`.
 */
export async function prepareRetry(
  generations: readonly InternalClient[],
  { id, requestId, caller }: { id: string; requestId: string; caller: Caller },
): Promise<PreparedRequest<ResumeRequest>> {
  const path = `/api/generations/${id}`;
  const answer = await readFirst(generations, (client) =>
    client.call({ method: 'GET', path, requestId, caller }),
  );
  if (answer.status === 404) throw problem('not_found');
  const job = generation.parse(answer.body);
  if (job.status !== 'failed' && job.status !== 'cancelled')
    throw problem('conflict', { detail: `The job is ${job.status}.` });
  const request = generateRequest.parse(job.request);
  const done = new Set(job.steps.filter(({ status }) => status === 'succeeded').map(({ step }) => step));
  const scale = job.scale / SCALE_STEPS;
  const route: MeteredRoute<ResumeRequest> = {
    ...createGenerationRoute,
    adapt: ({ body }) => ({ body, ignored: [] }),
    operation: retryGeneration,
    plan: (check, bounds) => planGeneratedContent('job', check, bounds, { done, scale }),
  };
  return { body: { ...request, resume: id }, route };
}

async function readFirst<Answer>(
  clients: readonly InternalClient[],
  read: (client: InternalClient) => Promise<Answer>,
): Promise<Answer> {
  let failure: unknown;
  for (const client of clients) {
    try {
      return await read(client);
    } catch (error) {
      failure = error;
    }
  }
  throw problem('service_unavailable', { cause: failure, headers: { 'retry-after': '1' } });
}
