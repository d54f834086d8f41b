import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import * as contract from '#libs/contracts/generations.ts';
import { JOB_PLAN_ROUTE, type JobPlan, jobPlan } from '#libs/contracts/job-plan.ts';
import { datesOf, toPage } from '#libs/contracts/page.ts';
import { openEventStream } from '#libs/http/event-stream.ts';
import { OUTLINE } from '#libs/pipelines/content/blog.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { JobOptions } from './commit.ts';
import { contextOf, type GenerationRow } from './domain/job.ts';
import { presentJob } from './domain/present.ts';
import { cancelJob, removeJob } from './end-job.ts';
import { followEvents } from './follow.ts';
import type { JobHub } from './hub.ts';
import { findDocumentsOf, findGeneration, findOutputs, findStepSummaries, listGenerations } from './store.ts';

export type JobRouteOptions = JobOptions & { hub: JobHub };

export function jobRoutes(app: FastifyInstance, options: JobRouteOptions): void {
  const { database } = options;

  serveOperation(app, contract.listGenerations, async (request) => {
    const { query } = request;
    const filter = { ...query, range: datesOf(query) };
    const rows = await listGenerations(database, callerOf(request).accountId, filter);
    const views = await presentJobs(options, rows.slice(0, query.limit));
    return { data: views, next_cursor: toPage(rows, query.limit, ({ id }) => id).next_cursor };
  });

  serveOperation(app, contract.getGeneration, async (request) => {
    const row = await findGeneration(database, callerOf(request).accountId, request.params.id);
    if (row === undefined) throw problem('not_found');
    return presentOne(options, row);
  });

  app.get<{ Params: { id: string } }>(
    JOB_PLAN_ROUTE,
    { schema: { params: z.object({ id: z.uuid() }), response: { 200: jobPlan } } },
    (request) => readPlan(database, callerOf(request).accountId, request.params.id),
  );

  serveOperation(app, contract.streamGenerationEvents, async (request, reply) => {
    const { id } = request.params;
    const row = await findGeneration(database, callerOf(request).accountId, id);
    if (row === undefined) throw problem('not_found');
    reply.hijack();
    const stream = openEventStream(reply.raw);
    const after = Number(request.headers['last-event-id'] ?? 0);
    for await (const event of followEvents(options, id, after, stream.gone)) {
      await stream.send({ id: String(event.id), event: event.type, data: JSON.stringify(event.data) });
    }
    stream.end();
    return reply;
  });

  serveOperation(app, contract.cancelGeneration, async (request) =>
    presentOne(options, await cancelJob(options, callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.deleteGeneration, async (request, reply) => {
    await removeJob(options, callerOf(request).accountId, request.params.id);
    return reply.code(204).send();
  });
}

/** What the gateway plans the rest of a job from. */
async function readPlan(database: JobOptions['database'], accountId: string, id: string): Promise<JobPlan> {
  const row = await findGeneration(database, accountId, id);
  if (row === undefined) throw problem('not_found');
  const steps = await findStepSummaries(database, [id]);
  return {
    status: row.status,
    request: row.request,
    inputs: contextOf(row).inputs ?? {},
    approval: contextOf(row).approval,
    scale: row.scale,
    done: steps.filter(({ status }) => status === 'succeeded').map(({ key }) => key),
  };
}

export async function presentOne(options: JobOptions, row: GenerationRow) {
  const [view] = await presentJobs(options, [row]);
  if (view === undefined) throw new Error('A job was not presented.');
  return view;
}

async function presentJobs({ database }: JobOptions, rows: readonly GenerationRow[]) {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const [steps, documents] = [await findStepSummaries(database, ids), await findDocumentsOf(database, ids)];
  const waiting = rows.filter(({ status }) => status === 'needs_approval').map(({ id }) => id);
  const outlines = waiting.length === 0 ? [] : await findOutputs(database, waiting, OUTLINE);
  const ofJob = <Row extends { generationId: string }>(all: readonly Row[], id: string) =>
    all.filter(({ generationId }) => generationId === id);
  return rows.map((row) =>
    presentJob(row, ofJob(steps, row.id), ofJob(documents, row.id), ofJob(outlines, row.id)[0]?.output),
  );
}
