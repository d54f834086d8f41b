/** `/api/autopilots`: posts that are written on a schedule, and published or kept as drafts. */
import { z } from 'zod';
import { AUTOPILOT_STATUSES, PAUSE_REASONS, RUN_STATUSES } from './autopilot-kinds.ts';
import { isCron, isTimeZone, nextOccurrence, runsPerDay } from './cron.ts';
import { count, instant } from './envelope.ts';
import { NETWORKS } from './generate.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName } from './identity.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { isStorable } from './storable-text.ts';

/** Of any schedule. The daily posts of a plan are usually fewer. */
const MAX_RUNS_PER_DAY = 24;

const phrase = (max: number) => z.string().trim().min(1).max(max).refine(isStorable, 'must be text');
const unique = <T>(values: readonly T[]) => new Set(values).size === values.length;

const schedule = z
  .strictObject({
    cron: z
      .string()
      .max(100)
      .refine(isCron, 'must be a cron expression of five fields, such as 0 9 * * mon-fri')
      .refine(
        (cron) => !isCron(cron) || runsPerDay(cron) <= MAX_RUNS_PER_DAY,
        `must run at most ${MAX_RUNS_PER_DAY} times a day`,
      )
      .refine(
        (cron) => !isCron(cron) || nextOccurrence({ cron, time_zone: 'UTC' }, new Date(0)) !== null,
        'must name a day that exists',
      )
      .describe('Minute, hour, day of the month, month, day of the week; names such as `mon` are allowed.'),
    time_zone: z
      .string()
      .max(60)
      .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
      .default('UTC')
      .describe('A name of the IANA database, such as `Europe/Berlin`.'),
  })
  .meta({ id: 'AutopilotSchedule' });

const topics = z
  .array(phrase(300))
  .min(1)
  .max(50)
  .refine(unique, 'must not repeat a topic')
  .describe('One topic for each run, in turn.');
const contentPlanId = z
  .uuid()
  .describe(
    'A document of the type `content_plan`, instead of topics: one entry for each run, in the order of the plan. After the last entry the autopilot is `finished`.',
  );

const settings = {
  name: displayName,
  networks: z
    .array(z.enum(NETWORKS))
    .min(1)
    .max(NETWORKS.length)
    .refine(unique, 'must not repeat a network')
    .describe('Each run writes one post for each.'),
  connection_ids: z
    .array(z.uuid())
    .max(NETWORKS.length)
    .refine(unique, 'must not repeat a connection')
    .describe(
      'The connections to post through, at most one for each network. For other networks, the connection that was made first.',
    ),
  language: z.string().trim().min(2).max(35).nullable().describe('Null: that of the topic.'),
  tone: phrase(100).nullable(),
  brand_voice: z
    .union([z.literal('none'), z.uuid()])
    .nullable()
    .describe('A brand voice, or `none`; null: the default voice of the workspace.'),
  schedule,
  research: z
    .boolean()
    .describe('Searches the web before it writes. Requires the feature `autopilot_research`.'),
  ads: z
    .boolean()
    .describe('Also writes ads for the topic, as a document. Requires the feature `autopilot_ads`.'),
  learn: z
    .boolean()
    .describe(
      'Learns from `POST /api/social/posts/{id}/results`: reads its best and weakest posts before it writes, and takes topics with better results more often. Requires the feature `enhanced_autopilot`.',
    ),
  auto_post: z
    .boolean()
    .describe(
      'Publishes its posts at once through the connections. Requires the feature `auto_post`. Otherwise they are drafts to review.',
    ),
};

const newAutopilot = z
  .strictObject({
    ...settings,
    topics: topics.optional(),
    content_plan_id: contentPlanId.optional(),
    connection_ids: settings.connection_ids.default([]),
    language: settings.language.default(null),
    tone: settings.tone.default(null),
    brand_voice: settings.brand_voice.default(null),
    research: settings.research.default(false),
    ads: settings.ads.default(false),
    learn: settings.learn.default(false),
    auto_post: settings.auto_post.default(false),
  })
  .refine((body) => (body.topics === undefined) !== (body.content_plan_id === undefined), {
    path: ['topics'],
    message: 'Give either topics or a content_plan_id',
  })
  .meta({ id: 'NewAutopilot' });
export type NewAutopilot = z.output<typeof newAutopilot>;

const autopilotChanges = z
  .strictObject({
    ...Object.fromEntries(Object.entries(settings).map(([name, field]) => [name, field.optional()])),
    topics: topics.optional(),
    content_plan_id: contentPlanId.optional(),
  } as { [Name in keyof typeof settings]: z.ZodOptional<(typeof settings)[Name]> } & {
    topics: z.ZodOptional<typeof topics>;
    content_plan_id: z.ZodOptional<typeof contentPlanId>;
  })
  .refine((body) => body.topics === undefined || body.content_plan_id === undefined, {
    path: ['topics'],
    message: 'Give either topics or a content_plan_id',
  })
  .meta({ id: 'AutopilotChanges' });
export type AutopilotChanges = z.output<typeof autopilotChanges>;

export const autopilot = z
  .object({
    id: z.uuid(),
    ...settings,
    topics: topics.nullable(),
    content_plan_id: z.uuid().nullable(),
    status: z.enum(AUTOPILOT_STATUSES),
    pause_reason: z
      .enum(PAUSE_REASONS)
      .nullable()
      .describe(
        '`repeated_failures`: three runs in a row did not complete. `creator_removed`: the user, API key or workspace that it runs for has been removed; the user who resumes it takes it over.',
      ),
    next_run_at: instant.nullable().describe('Null while it is not active.'),
    consecutive_failures: count,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Autopilot' });
export type AutopilotView = z.input<typeof autopilot>;

const topicFigures = z.object({
  topic: z.string(),
  runs: count.describe('Of the latest runs.'),
  impressions: count,
  reactions: count.describe('Engagements and clicks.'),
  weight: z.number().describe('How often it is chosen in relation to an average topic: from 0.25 to 4.'),
});

export const topicChoice = z
  .object({
    reason: z.string(),
    content_plan_id: z.uuid().optional(),
    topics: z.array(topicFigures).optional().describe('With `learn`: what the choice was made from.'),
    best_posts: z.array(z.uuid()).optional().describe('With `learn`: posts that the model read as examples.'),
    weakest_posts: z.array(z.uuid()).optional(),
  })
  .meta({ id: 'AutopilotChoice' });
export type TopicChoice = z.infer<typeof topicChoice>;

/** What becomes of the post of a network. */
export const runPost = z
  .object({
    network: z.enum(NETWORKS),
    connection_id: z
      .uuid()
      .nullable()
      .describe('Null without a connection: the post is in the document only.'),
    post_id: z.uuid().nullable().describe('For `GET /api/social/posts/{id}`; null until it is created.'),
  })
  .meta({ id: 'AutopilotRunPost' });
export type RunPost = z.infer<typeof runPost>;

export const autopilotRun = z
  .object({
    id: z.uuid(),
    status: z
      .enum(RUN_STATUSES)
      .describe(
        '`refused`: a limit, a missing feature or an emergency stop refused it before anything was written; `problem` says which.',
      ),
    scheduled_for: instant,
    topic: z.string(),
    choice: topicChoice.describe('Why this topic was chosen.'),
    generation_id: z.uuid().nullable().describe('Its content job, for `GET /api/generations/{id}`.'),
    posts: z.array(runPost),
    problem: z
      .looseObject({ code: z.string(), detail: z.string() })
      .nullable()
      .describe('Why it was refused or has failed, or why a part of a completed one is missing.'),
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: 'AutopilotRun' });
export type AutopilotRunView = z.input<typeof autopilotRun>;

const PATH = '/api/autopilots';
const tags = ['Autopilots'];
const params = z.object({ id: z.uuid() });

const example: AutopilotView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1e00',
  name: 'Pen of the week',
  topics: ['how nibs are made', 'inks that do not fade'],
  content_plan_id: null,
  networks: ['linkedin', 'x'],
  connection_ids: [],
  language: 'en',
  tone: 'friendly',
  brand_voice: null,
  schedule: { cron: '0 9 * * mon,thu', time_zone: 'Europe/Berlin' },
  research: true,
  ads: false,
  learn: true,
  auto_post: true,
  status: 'active',
  pause_reason: null,
  next_run_at: '2026-11-30T08:00:00.000Z',
  consecutive_failures: 0,
  created_at: '2026-11-27T12:00:00.000Z',
  updated_at: '2026-11-27T12:00:00.000Z',
};

const runExample: AutopilotRunView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1e10',
  status: 'completed',
  scheduled_for: '2026-11-26T08:00:00.000Z',
  topic: 'how nibs are made',
  choice: {
    reason: 'Its posts had 1.6 times the usual reactions, and it had 2 of the latest 6 runs.',
    topics: [
      { topic: 'how nibs are made', runs: 2, impressions: 4_000, reactions: 320, weight: 1.42 },
      { topic: 'inks that do not fade', runs: 4, impressions: 6_000, reactions: 180, weight: 0.66 },
    ],
    best_posts: ['019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d51'],
    weakest_posts: ['019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d52'],
  },
  generation_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d90',
  posts: [
    {
      network: 'linkedin',
      connection_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d50',
      post_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d53',
    },
    { network: 'x', connection_id: null, post_id: null },
  ],
  problem: null,
  created_at: '2026-11-26T08:00:02.000Z',
  finished_at: '2026-11-26T08:00:21.000Z',
};

const { id: _, topics: exampleTopics, content_plan_id: __, ...shown } = example;
const bodyExample = {
  name: shown.name,
  topics: exampleTopics,
  networks: shown.networks,
  schedule: shown.schedule,
  auto_post: true,
};

const ok = (description: string) => ({ description, schema: autopilot, example });
const SETTING_PROBLEMS = [
  ...USER_PROBLEMS,
  'not_found',
  'feature_not_in_plan',
  'platform_not_in_plan',
  'semantic_error',
  'metering_unavailable',
] as const;

export const createAutopilot = defineOperation({
  operationId: 'createAutopilot',
  method: 'POST',
  path: PATH,
  headers: idempotencyHeaders,
  summary: 'Create an autopilot',
  description: [
    'Each run is a content job of the type `social` in the name of its creator: priced, held and settled like one of',
    '`POST /api/generations`. Its posts count on `social.autopilot_posts` and, if they are published, on `social.posts`.',
    'The schedule writes at most as many posts a day as the plan includes. A run that a downtime delayed starts once.',
  ].join(' '),
  tags,
  auth: 'user',
  body: newAutopilot,
  bodyExample,
  responses: { 201: ok('The autopilot.'), ...problemResponses(...SETTING_PROBLEMS) },
});

export const listAutopilots = defineOperation({
  operationId: 'listAutopilots',
  method: 'GET',
  path: PATH,
  summary: 'List autopilots',
  tags,
  auth: 'user',
  querystring: pageQuery.extend({ status: z.enum(AUTOPILOT_STATUSES).optional() }),
  responses: {
    200: {
      description: 'One page of autopilots, newest first.',
      schema: page(autopilot).meta({ id: 'AutopilotPage' }),
      example: { data: [example], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getAutopilot = defineOperation({
  operationId: 'getAutopilot',
  method: 'GET',
  path: `${PATH}/{id}`,
  summary: 'Get an autopilot',
  tags,
  auth: 'user',
  params,
  responses: { 200: ok('The autopilot.'), ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const updateAutopilot = defineOperation({
  operationId: 'updateAutopilot',
  method: 'PATCH',
  path: `${PATH}/{id}`,
  summary: 'Change an autopilot',
  description:
    'Fields that are absent stay as they are; topics and a content plan replace each other. A new schedule counts from now. A finished autopilot with a new source is active again.',
  tags,
  auth: 'user',
  params,
  body: autopilotChanges,
  bodyExample: { schedule: { cron: '0 9 * * *', time_zone: 'Europe/Berlin' } },
  responses: { 200: ok('The autopilot.'), ...problemResponses(...SETTING_PROBLEMS) },
});

export const deleteAutopilot = defineOperation({
  operationId: 'deleteAutopilot',
  method: 'DELETE',
  path: `${PATH}/{id}`,
  summary: 'Delete an autopilot with its runs',
  description: 'Its posts, jobs and documents stay. Refused while a run is being written.',
  tags,
  auth: 'user',
  params,
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const pauseAutopilot = defineOperation({
  operationId: 'pauseAutopilot',
  method: 'POST',
  path: `${PATH}/{id}/pause`,
  summary: 'Pause an autopilot',
  description: 'A run that has started is finished.',
  tags,
  auth: 'user',
  params,
  responses: { 200: ok('The autopilot.'), ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict') },
});

export const resumeAutopilot = defineOperation({
  operationId: 'resumeAutopilot',
  method: 'POST',
  path: `${PATH}/{id}/resume`,
  summary: 'Resume an autopilot',
  description: 'From its next time on, and in the name of the caller.',
  tags,
  auth: 'user',
  params,
  responses: { 200: ok('The autopilot.'), ...problemResponses(...SETTING_PROBLEMS, 'conflict') },
});

export const listAutopilotRuns = defineOperation({
  operationId: 'listAutopilotRuns',
  method: 'GET',
  path: `${PATH}/{id}/runs`,
  summary: 'List the runs of an autopilot',
  tags,
  auth: 'user',
  params,
  querystring: pageQuery.extend({ status: z.enum(RUN_STATUSES).optional() }),
  responses: {
    200: {
      description: 'One page of runs, newest first.',
      schema: page(autopilotRun).meta({ id: 'AutopilotRunPage' }),
      example: { data: [runExample], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const AUTOPILOT_OPERATIONS = [
  createAutopilot,
  listAutopilots,
  getAutopilot,
  updateAutopilot,
  deleteAutopilot,
  pauseAutopilot,
  resumeAutopilot,
  listAutopilotRuns,
] as const;
