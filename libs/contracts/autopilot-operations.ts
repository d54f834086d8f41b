/** `/api/autopilots`: posts that are written on a schedule, and published or kept as drafts. */
import { z } from 'zod';
import { AUTOPILOT_STATUSES, RUN_STATUSES } from './autopilot-kinds.ts';
import {
  type AutopilotRunView,
  type AutopilotView,
  autopilot,
  autopilotChanges,
  autopilotRun,
  newAutopilot,
} from './autopilots.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

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
    reason: 'Its posts had 1.42 times the usual reactions, and it had 2 of the latest 6 runs.',
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
    'An account has at most 100 autopilots.',
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
