/** `/api/social`: accounts at social networks, and posts published through them. */

import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import * as example from './social-examples.ts';
import { isStorable } from './storable-text.ts';

export const SOCIAL_PLATFORMS = [
  'twitter',
  'instagram',
  'facebook',
  'linkedin',
  'tiktok',
  'youtube',
  'pinterest',
] as const;
export type SocialPlatform = (typeof SOCIAL_PLATFORMS)[number];

export const POST_STATES = ['draft', 'scheduled', 'published', 'failed'] as const;
export type PostState = (typeof POST_STATES)[number];

const MAX_TEXT = 10_000;
export const MAX_POSTS_AT_ONCE = 50;

const noControls = /^\P{Cc}+$/u;

export const connectRequest = z
  .strictObject({
    platform: z.enum(SOCIAL_PLATFORMS),
    handle: z
      .string()
      .trim()
      .transform((handle) => handle.replace(/^@/, ''))
      .pipe(z.string().min(1).max(100).regex(noControls).refine(isStorable))
      .describe('The name of the account there, with or without `@`.'),
    credentials: z
      .string()
      .min(1)
      .max(4096)
      .describe('What the publisher needs to post there. Handed on to it, never stored or shown.'),
  })
  .meta({ id: 'ConnectRequest' });

export const socialConnection = z
  .object({ id: z.uuid(), platform: z.string(), handle: z.string(), created_at: instant })
  .meta({ id: 'SocialConnection' });
export type SocialConnectionView = z.infer<typeof socialConnection>;

const postFields = {
  connection_id: z.uuid().describe('Where it is published.'),
  text: z.string().min(1).max(MAX_TEXT).refine(isStorable, 'must be text without NUL'),
};
const futureInstant = z.iso.datetime({ offset: true }).describe('When to publish it; in the future.');

const schedulesRight = ({ action, scheduled_at }: { action: string; scheduled_at?: string | undefined }) =>
  (action === 'schedule') === (scheduled_at !== undefined);
const SCHEDULES_RIGHT = {
  error: 'goes with `action: schedule`, and only with it',
  path: ['scheduled_at'],
};

export const newPost = z
  .strictObject({
    ...postFields,
    action: z
      .enum(['draft', 'schedule', 'publish'])
      .default('draft')
      .describe('`draft` only keeps it; `schedule` publishes it at `scheduled_at`; `publish`, now.'),
    scheduled_at: futureInstant.optional(),
  })
  .refine(schedulesRight, SCHEDULES_RIGHT)
  .meta({ id: 'NewPost' });
export type NewPost = z.output<typeof newPost>;

export const newPosts = z
  .strictObject({ posts: z.array(newPost).min(1).max(MAX_POSTS_AT_ONCE) })
  .meta({ id: 'NewPosts' });

export const publishPostRequest = z
  .strictObject({ scheduled_at: futureInstant.optional().describe('Now, unless given.') })
  .meta({ id: 'PublishPostRequest' });

export const socialPost = z
  .object({
    id: z.uuid(),
    connection_id: z.uuid(),
    text: z.string(),
    state: z.enum(POST_STATES),
    scheduled_at: instant.nullable(),
    published_at: instant.nullable(),
    url: z.string().nullable().describe('Where it can be seen, once published.'),
    failure: z
      .object({ code: z.string(), detail: z.string() })
      .nullable()
      .describe('Why it could not be published. A post that failed does not count.'),
    created_at: instant,
  })
  .meta({ id: 'SocialPost' });
export type SocialPostView = z.infer<typeof socialPost>;

const thingId = z.object({ id: z.uuid() });
const tags = ['Social'];

export const listSocialConnections = defineOperation({
  operationId: 'listSocialConnections',
  method: 'GET',
  path: '/api/social/connections',
  summary: 'List connected accounts',
  tags,
  auth: 'user',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page of connections, newest first.',
      schema: page(socialConnection).meta({ id: 'SocialConnectionPage' }),
      example: { data: [example.connection], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const createSocialConnection = defineOperation({
  operationId: 'createSocialConnection',
  method: 'POST',
  path: '/api/social/connections',
  headers: idempotencyHeaders,
  summary: 'Connect an account at a social network',
  description: [
    'Several accounts of one network may be connected, each once. Refusals say why in `reason`, looked at in this order:',
    '`connection_limit_exceeded` (429, with usage and suggested plans), `platform_restricted` (403, with the platforms',
    'of the plan), `platform_already_connected` (409).',
  ].join(' '),
  tags,
  auth: 'user',
  body: connectRequest,
  bodyExample: { platform: 'linkedin', handle: example.connection.handle, credentials: 'from the network' },
  responses: {
    201: { description: 'The connection.', schema: socialConnection, example: example.connection },
    ...problemResponses(
      ...USER_PROBLEMS,
      ...COUNTING_PROBLEMS,
      'platform_not_in_plan',
      'conflict',
      'semantic_error',
    ),
  },
});

export const getSocialConnection = defineOperation({
  operationId: 'getSocialConnection',
  method: 'GET',
  path: '/api/social/connections/{id}',
  summary: 'Look at a connected account',
  tags,
  auth: 'user',
  params: thingId,
  responses: {
    200: { description: 'The connection.', schema: socialConnection, example: example.connection },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const deleteSocialConnection = defineOperation({
  operationId: 'deleteSocialConnection',
  method: 'DELETE',
  path: '/api/social/connections/{id}',
  summary: 'Disconnect an account',
  description: 'Another may be connected in its place. What is still scheduled through it will fail.',
  tags,
  auth: 'user',
  params: thingId,
  responses: {
    204: { description: 'Disconnected.' },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const listSocialPosts = defineOperation({
  operationId: 'listSocialPosts',
  method: 'GET',
  path: '/api/social/posts',
  summary: 'List posts',
  tags,
  auth: 'user',
  querystring: pageQuery.extend({ state: z.enum(POST_STATES).optional() }),
  responses: {
    200: {
      description: 'One page of posts, newest first.',
      schema: page(socialPost).meta({ id: 'SocialPostPage' }),
      example: { data: [example.post], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

const POSTING_PROBLEMS = [
  ...USER_PROBLEMS,
  ...COUNTING_PROBLEMS,
  'not_found',
  'platform_not_in_plan',
  'feature_not_in_plan',
  'semantic_error',
] as const;

export const createSocialPost = defineOperation({
  operationId: 'createSocialPost',
  method: 'POST',
  path: '/api/social/posts',
  headers: idempotencyHeaders,
  summary: 'Write a post, and publish it now or later',
  description: [
    'A post counts against the posts of a day and of a week when it is published or scheduled, and not any more when it',
    'is cancelled or cannot be published. Scheduling takes the feature `auto_post`. Where the network is out of reach the',
    'post stays `scheduled` and is tried again; look at `state` in the answer.',
  ].join(' '),
  tags,
  auth: 'user',
  body: newPost,
  bodyExample: {
    connection_id: example.connection.id,
    text: example.post.text,
    action: 'schedule',
    scheduled_at: example.post.scheduled_at,
  },
  responses: {
    201: { description: 'The post.', schema: socialPost, example: example.post },
    ...problemResponses(...POSTING_PROBLEMS),
  },
});

export const createSocialPosts = defineOperation({
  operationId: 'createSocialPosts',
  method: 'POST',
  path: '/api/social/posts/bulk',
  headers: idempotencyHeaders,
  summary: 'Write many posts at once',
  description:
    'All of them or none. Takes the feature `bulk_operations`. Those to be published now are taken up within a second.',
  tags,
  auth: 'user',
  body: newPosts,
  bodyExample: { posts: [{ connection_id: example.connection.id, text: example.post.text }] },
  responses: {
    201: {
      description: 'The posts, in the order given.',
      schema: z.object({ data: z.array(socialPost) }),
      example: { data: [example.post] },
    },
    ...problemResponses(...POSTING_PROBLEMS),
  },
});

export const getSocialPost = defineOperation({
  operationId: 'getSocialPost',
  method: 'GET',
  path: '/api/social/posts/{id}',
  summary: 'Look at a post',
  tags,
  auth: 'user',
  params: thingId,
  responses: {
    200: { description: 'The post.', schema: socialPost, example: example.post },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const publishSocialPost = defineOperation({
  operationId: 'publishSocialPost',
  method: 'POST',
  path: '/api/social/posts/{id}/publish',
  headers: idempotencyHeaders,
  summary: 'Publish a draft, or one that failed, now or later',
  tags,
  auth: 'user',
  params: thingId,
  body: publishPostRequest,
  bodyExample: { scheduled_at: example.post.scheduled_at },
  responses: {
    200: { description: 'The post.', schema: socialPost, example: example.post },
    ...problemResponses(...POSTING_PROBLEMS, 'conflict'),
  },
});

export const deleteSocialPost = defineOperation({
  operationId: 'deleteSocialPost',
  method: 'DELETE',
  path: '/api/social/posts/{id}',
  summary: 'Delete a post that has not been published',
  description: 'A scheduled post is cancelled, and does not count any more.',
  tags,
  auth: 'user',
  params: thingId,
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const SOCIAL_OPERATIONS = [
  listSocialConnections,
  createSocialConnection,
  getSocialConnection,
  deleteSocialConnection,
  listSocialPosts,
  createSocialPost,
  createSocialPosts,
  getSocialPost,
  publishSocialPost,
  deleteSocialPost,
] as const;
