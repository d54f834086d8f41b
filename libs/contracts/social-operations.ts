/** `/api/social`: accounts at social networks, and posts published through them. */
import { z } from 'zod';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { datedPageQuery, list, page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import {
  connectRequest,
  newPost,
  newPosts,
  POST_STATES,
  postResults,
  publishPostRequest,
  socialConnection,
  socialPost,
} from './social.ts';
import * as example from './social-examples.ts';

const idParams = z.object({ id: z.uuid() });
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
    'Several accounts of one network can be connected, each once. A refusal gives its `reason`, checked in this order:',
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
  summary: 'Get a connected account',
  tags,
  auth: 'user',
  params: idParams,
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
  description: 'Frees its place for another connection. Posts still scheduled through it will fail.',
  tags,
  auth: 'user',
  params: idParams,
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
  querystring: datedPageQuery.extend({ state: z.enum(POST_STATES).optional() }),
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
  summary: 'Create a post, and publish it now or later',
  description: [
    'A post counts against the daily and weekly posts once it is published or scheduled, until it is cancelled or fails.',
    'Scheduling requires the feature `auto_post`. If the network is not available, the post stays `scheduled` and is',
    'tried again. A post whose outcome is `unknown` is never sent again. The response gives the `state`.',
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
  summary: 'Create many posts at once',
  description:
    'All posts are created, or none. Requires the feature `bulk_operations`. Posts to publish now are published in the background.',
  tags,
  auth: 'user',
  body: newPosts,
  bodyExample: { posts: [{ connection_id: example.connection.id, text: example.post.text }] },
  responses: {
    201: {
      description: 'The posts, in the order given.',
      schema: list(socialPost).meta({ id: 'SocialPostList' }),
      example: { data: [example.post], next_cursor: null },
    },
    ...problemResponses(...POSTING_PROBLEMS),
  },
});

export const getSocialPost = defineOperation({
  operationId: 'getSocialPost',
  method: 'GET',
  path: '/api/social/posts/{id}',
  summary: 'Get a post',
  tags,
  auth: 'user',
  params: idParams,
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
  summary: 'Publish a draft or a failed post, now or later',
  tags,
  auth: 'user',
  params: idParams,
  body: publishPostRequest,
  bodyExample: { scheduled_at: example.post.scheduled_at },
  responses: {
    200: { description: 'The post.', schema: socialPost, example: example.post },
    ...problemResponses(...POSTING_PROBLEMS, 'conflict'),
  },
});

export const recordSocialPostResults = defineOperation({
  operationId: 'recordSocialPostResults',
  method: 'POST',
  path: '/api/social/posts/{id}/results',
  summary: 'Report the results of a published post',
  description:
    'By a frontend or partner that knows them. The figures are totals: they replace those that were reported before. An autopilot with `learn` follows them.',
  tags,
  auth: 'user',
  params: idParams,
  body: postResults,
  bodyExample: { impressions: 1_240, engagements: 61, clicks: 18 },
  responses: {
    200: {
      description: 'The post.',
      schema: socialPost,
      example: {
        ...example.post,
        state: 'published',
        published_at: example.post.scheduled_at,
        results: { impressions: 1_240, engagements: 61, clicks: 18 },
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const deleteSocialPost = defineOperation({
  operationId: 'deleteSocialPost',
  method: 'DELETE',
  path: '/api/social/posts/{id}',
  summary: 'Delete a post that has not been published',
  description: 'A scheduled post is cancelled and no longer counts.',
  tags,
  auth: 'user',
  params: idParams,
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
  recordSocialPostResults,
  deleteSocialPost,
] as const;
