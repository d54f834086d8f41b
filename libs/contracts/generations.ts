/** `/api/generations`: content as jobs, which run in the background and survive a restart. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { count, instant } from './envelope.ts';
import { articleOutline, CONTENT_TYPES, generateRequest, PARTS } from './generate.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS, type Requirement } from './requirements.ts';
import { jobEvents } from './stream-events.ts';

const STATUSES = ['queued', 'running', 'needs_approval', 'completed', 'failed', 'cancelled'] as const;
const STEP_STATUSES = ['waiting', 'ready', 'queued', 'running', 'succeeded', 'failed', 'skipped'] as const;
const PART_STATUSES = ['running', 'completed', 'failed'] as const;

const failure = z
  .object({
    code: z.string().describe('A problem code, or `outcome_unknown`: see the documentation of jobs.'),
    detail: z.string(),
    step: z.string().optional(),
  })
  .meta({ id: 'GenerationFailure' });

const usage = z.object({ cost_usd: z.string(), tokens: count });

export const generation = z
  .object({
    id: z.uuid(),
    status: z.enum(STATUSES),
    percent: z.int().min(0).max(100),
    content_types: z.array(z.enum(CONTENT_TYPES)),
    language: z.string().describe('Code of the language of the content; `und` if it was not recognised.'),
    words: count.describe('Words of the article that were planned: fewer than requested with `fit_budget`.'),
    scale: z.int().describe('Share of the requested length that is planned, in thousandths.'),
    model: z.string(),
    cached: z.boolean().describe('The result is that of an equal request, and no provider was called.'),
    request: z.looseObject({}).describe('The request, with defaults.'),
    steps: z.array(
      z
        .object({
          step: z.string(),
          status: z.enum(STEP_STATUSES),
          message: z.string(),
          model: z.string().nullable().describe('The model that answered; null until one has.'),
          usage,
          error: failure.nullable(),
          warnings: z
            .array(z.string())
            .describe('Constraints that the text does not meet after its repair, and calls made again.'),
        })
        .meta({ id: 'GenerationStep' }),
    ),
    parts: z.array(
      z
        .object({
          content_type: z.enum(PARTS),
          status: z.enum(PART_STATUSES),
          document_id: z.uuid().nullable(),
        })
        .meta({ id: 'GenerationPart' }),
    ),
    usage: usage.describe('Of all steps, those that failed included.'),
    error: failure.nullable(),
    approval: z
      .object({ outline: articleOutline })
      .nullable()
      .describe('With the status `needs_approval`: the outline to approve or to edit.'),
    created_at: instant,
    updated_at: instant.describe('When its status, its progress or its cost was changed last.'),
    started_at: instant.nullable(),
    finished_at: instant.nullable(),
  })
  .meta({ id: 'Generation' });
export type GenerationView = z.input<typeof generation>;

const example: GenerationView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d90',
  status: 'running',
  percent: 34,
  content_types: ['social'],
  language: 'en',
  words: 800,
  scale: 1_000,
  model: 'gpt-4o-mini',
  cached: false,
  request: { topic: 'fountain pens', content_types: ['social'], networks: ['linkedin', 'x'] },
  steps: [
    {
      step: 'social.write',
      status: 'running',
      message: 'Writing the posts',
      model: null,
      usage: { cost_usd: '0.000000000', tokens: 0 },
      error: null,
      warnings: [],
    },
  ],
  parts: [{ content_type: 'social', status: 'running', document_id: null }],
  usage: { cost_usd: '0.000000000', tokens: 0 },
  error: null,
  approval: null,
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:04.000Z',
  started_at: '2026-11-20T12:00:00.120Z',
  finished_at: null,
};

const EVENTS_EXAMPLE = [
  'id: 41\nevent: step\ndata: {"step":"blog.outline","status":"running","message":"Planning the article","percent":0}',
  'id: 57\nevent: content\ndata: {"content_type":"blog","chunk":"# Fountain pens\\n\\nInk that flows"}',
  'id: 64\nevent: document\ndata: {"content_type":"blog","document_id":"019e3f5e-6f2a-7c31-9d52-8a4f0b6c1da0","title":"Fountain pens"}',
  'id: 65\nevent: completed\ndata: {"status":"completed","percent":100,"usage":{"cost_usd":"0.004100000","tokens":4100},"budget_state":"ok"}',
  '',
].join('\n\n');

const tags = ['Generation'];
const params = z.object({ id: z.uuid() });
const PATH = '/api/generations';

/** What content requires of a plan. */
export const CONTENT_REQUIREMENTS = [
  REQUIRES_API_ACCESS,
  { kind: 'content_types', field: 'content_types', without: { pipeline: null } },
  { kind: 'model', of: 'text', field: 'model' },
  {
    kind: 'model',
    of: 'image',
    field: null,
    when: { field: 'hero_image', is: 'true' },
    without: { hero_image: null },
  },
  {
    kind: 'model',
    of: 'speech',
    field: null,
    when: { field: 'voice_over', is: 'set' },
    without: { voice_over: null },
  },
  { kind: 'model', of: 'audio', field: null, when: { field: 'recording_id', is: 'set' } },
  {
    kind: 'feature',
    feature: 'limited_research',
    when: { field: 'research', is: 'true' },
    without: { research: null, research_full_text: null, research_all_providers: null, max_sources: null },
  },
  {
    kind: 'feature',
    feature: 'advanced_research',
    when: { field: 'research_full_text', is: 'true' },
    without: { research_full_text: null },
  },
  {
    kind: 'feature',
    feature: 'premium_research',
    when: { field: 'research_all_providers', is: 'true' },
    without: { research_all_providers: null },
  },
  {
    kind: 'feature',
    feature: 'knowledge_base',
    when: { field: 'use_knowledge_base', is: 'true' },
    without: { use_knowledge_base: null, kb_file_ids: null },
  },
  {
    kind: 'feature',
    feature: 'custom_prompts',
    when: { field: 'prompt_id', is: 'set' },
    without: { prompt_id: null, prompt_version: null, prompt_variables: null },
  },
  {
    kind: 'feature',
    feature: 'autopilot_ads',
    when: { field: 'content_types', includes: 'ads' },
    without: null,
  },
  {
    kind: 'feature',
    feature: 'ai_inbox',
    when: { field: 'content_types', includes: 'reply' },
    without: null,
  },
] as const satisfies readonly Requirement[];

export const CONTENT_PROBLEMS = [
  ...METERING_PROBLEMS,
  'unknown_model',
  'content_type_not_in_plan',
  'feature_not_in_plan',
  'payment_required',
  'not_found',
  'semantic_error',
] as const;

export const ACCEPTED = {
  description: 'The job, which runs now or as soon as it is its turn.',
  schema: generation,
  example,
};

export const contentHeaders = idempotencyHeaders.extend({
  'cache-control': z
    .string()
    .max(200)
    .optional()
    .describe(
      '`no-cache` writes the content anew although an equal request was answered before; `no-store` also keeps the result out of the cache.',
    ),
});

export const createGeneration = defineOperation({
  operationId: 'createGeneration',
  method: 'POST',
  path: PATH,
  headers: contentHeaders,
  summary: 'Write content in the background',
  description: [
    'Plans every provider call, holds what they can cost at most, and returns at once. The steps run in parallel as far as',
    'they do not need each other and the plan allows; each is settled when it ends, and what is left of the hold is',
    'released at the end. A part that fails does not affect the others: they are delivered, and `retry` runs only what',
    'failed. A step whose process died during a provider call is not repeated by itself: it counts at its bound and fails',
    'with `outcome_unknown`.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: CONTENT_REQUIREMENTS,
  body: generateRequest,
  bodyExample: {
    topic: 'fountain pens',
    content_types: ['blog', 'social'],
    length: 'medium',
    tone: 'friendly',
  },
  responses: { 202: ACCEPTED, ...problemResponses(...CONTENT_PROBLEMS) },
});

export const listGenerations = defineOperation({
  operationId: 'listGenerations',
  method: 'GET',
  path: PATH,
  summary: 'List jobs',
  tags,
  auth: 'user',
  scope: 'generate',
  querystring: pageQuery.extend({
    status: z.enum(STATUSES).optional(),
    content_type: z.enum(CONTENT_TYPES).optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description: 'One page of jobs, newest first.',
      schema: page(generation).meta({ id: 'GenerationPage' }),
      example: { data: [example], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getGeneration = defineOperation({
  operationId: 'getGeneration',
  method: 'GET',
  path: `${PATH}/{id}`,
  summary: 'Read a job',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: {
    200: { description: 'The job.', schema: generation, example },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const streamGenerationEvents = defineOperation({
  operationId: 'streamGenerationEvents',
  method: 'GET',
  path: `${PATH}/{id}/events`,
  summary: 'Follow a job',
  description: 'Server-sent events from the beginning of the job, or after `Last-Event-ID`, until it ends.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  headers: z.object({
    'last-event-id': z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  responses: {
    200: {
      description: 'The events.',
      contentType: 'text/event-stream',
      schema: z.string(),
      events: jobEvents(articleOutline),
      example: EVENTS_EXAMPLE,
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const cancelGeneration = defineOperation({
  operationId: 'cancelGeneration',
  method: 'POST',
  path: `${PATH}/{id}/cancel`,
  summary: 'Cancel a job',
  description:
    'Starts no further step and aborts the provider calls that run. What they produced until then is charged; the rest of the hold is released. Parts that were complete stay.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: {
    200: { description: 'The job.', schema: generation, example: { ...example, status: 'cancelled' } },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const retryGeneration = defineOperation({
  operationId: 'retryGeneration',
  method: 'POST',
  path: `${PATH}/{id}/retry`,
  headers: idempotencyHeaders,
  summary: 'Continue a job after a failure',
  description:
    'For a job that failed or was cancelled. Runs the steps that have not succeeded, under a new hold and at current prices; the others are not paid again.',
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: CONTENT_REQUIREMENTS,
  params,
  responses: { 202: ACCEPTED, ...problemResponses(...CONTENT_PROBLEMS, 'conflict') },
});

export const approveGeneration = defineOperation({
  operationId: 'approveGeneration',
  method: 'POST',
  path: `${PATH}/{id}/approve`,
  headers: idempotencyHeaders,
  summary: 'Approve the outline of a job',
  description: [
    'For a job that waits with the status `needs_approval`. Nothing is held while it waits, and it may wait as long as it',
    'likes. The rest is planned and held now, at current prices. With an `outline`, that is what the article follows: it',
    'may have more or fewer sections. To give up instead, cancel the job.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: CONTENT_REQUIREMENTS,
  params,
  body: z.strictObject({ outline: articleOutline.optional() }).meta({ id: 'ApproveGenerationRequest' }),
  bodyExample: {
    outline: {
      title: 'Fountain pens for the left-handed',
      sections: [
        { heading: 'Why ink smears', points: ['Wet inks', 'The overwriting hand'] },
        { heading: 'Nibs that dry fast', points: ['Fine nibs'] },
      ],
    },
  },
  responses: { 202: ACCEPTED, ...problemResponses(...CONTENT_PROBLEMS, 'conflict') },
});

export const deleteGeneration = defineOperation({
  operationId: 'deleteGeneration',
  method: 'DELETE',
  path: `${PATH}/{id}`,
  summary: 'Delete a job',
  description: 'Deletes a job that has ended, with its steps and events. Its documents and usage stay.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

/** Served by generation; the gateway passes them on. */
export const GENERATION_OPERATIONS = [
  listGenerations,
  getGeneration,
  streamGenerationEvents,
  cancelGeneration,
  deleteGeneration,
] as const;
