/** Background jobs of all services, as staff see them. Payloads are never shown. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const tags = ['Admin'];
export const JOB_STATES = ['failed', 'queued', 'running'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** A positive integer that fits into 64 bits, as text. */
const jobId = z.string().regex(/^[1-9]\d{0,17}$/, 'must be the id of a job');

export const job = z
  .object({
    id: jobId,
    task: z.string().describe('What the job does, for example `deliver-event`.'),
    state: z
      .enum(JOB_STATES)
      .describe('`queued`: waits for its time or its next attempt. `failed`: no attempts are left.'),
    attempts: z.int().describe('Runs so far, including the current one.'),
    max_attempts: z.int(),
    last_error: z.string().nullable().describe('Message of the last failed run, without secrets.'),
    account_id: z.uuid().nullable().describe('The account concerned, if there is one.'),
    created_at: instant,
    run_at: instant.describe('Start of the next run, or of the last one when no run is planned.'),
  })
  .meta({ id: 'Job' });
export type JobWire = z.output<typeof job>;

export const jobQuery = z.object({
  limit: pageQuery.shape.limit,
  cursor: jobId.optional().describe('`next_cursor` of the previous page.'),
  task: z
    .string()
    .regex(/^[a-z]+(-[a-z]+)*$/, 'must be the name of a task')
    .max(100)
    .optional(),
  state: z.enum(JOB_STATES).default('failed'),
});

const exampleJob: JobWire = {
  id: '4711',
  task: 'deliver-event',
  state: 'failed',
  attempts: 10,
  max_attempts: 10,
  last_error: 'connect ECONNREFUSED 203.0.113.7:443',
  account_id: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e12',
  created_at: '2026-11-20T12:00:00.000Z',
  run_at: '2026-11-20T15:04:05.000Z',
};

export const listJobs = defineOperation({
  operationId: 'listJobs',
  method: 'GET',
  path: '/api/admin/jobs',
  summary: 'List background jobs',
  description: 'Jobs of all services, newest first. Failed jobs only, unless another state is given.',
  tags,
  auth: 'staff',
  querystring: jobQuery,
  responses: {
    200: {
      description: 'One page.',
      schema: page(job, jobId).meta({ id: 'JobPage' }),
      example: { data: [exampleJob], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const retryJob = defineOperation({
  operationId: 'retryJob',
  method: 'POST',
  path: '/api/admin/jobs/{id}/retry',
  summary: 'Retry a failed job',
  description: 'Queues a failed job again, at once and with all its attempts.',
  tags,
  headers: idempotencyHeaders,
  auth: 'staff',
  params: z.object({ id: jobId }),
  responses: {
    200: {
      description: 'The job, queued.',
      schema: job,
      example: { ...exampleJob, state: 'queued', attempts: 0 },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const jobOperations = [listJobs, retryJob] as const;
