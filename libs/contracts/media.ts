/** `/api/media`: stored images and recordings, as long as the account's retention lasts. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { datedPageQuery, page } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const mediaFile = z
  .object({
    id: z.uuid(),
    media_type: z.string(),
    size_bytes: count,
    url: z.string().describe('Anyone who has it can read the file until `url_expires_at`.'),
    url_expires_at: instant,
    created_at: instant,
    expires_at: instant.describe('When the file is deleted.'),
  })
  .meta({ id: 'MediaFile' });
export type MediaFileView = z.infer<typeof mediaFile>;

const ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d80';
const SIGNATURE = '5f0c2d9b8a7e6f1d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978879605';
const example: MediaFileView = {
  id: ID,
  media_type: 'image/png',
  size_bytes: 1_482_311,
  url: `http://127.0.0.1:8080/api/media/${ID}/content?expires=1795219200&signature=${SIGNATURE}`,
  url_expires_at: '2026-11-21T12:00:00.000Z',
  created_at: '2026-11-20T12:00:00.000Z',
  expires_at: '2026-12-20T12:00:00.000Z',
};

const idParams = z.object({ id: z.uuid() });
const tags = ['Images'];

export const listMedia = defineOperation({
  operationId: 'listMedia',
  method: 'GET',
  path: '/api/media',
  summary: 'List stored media',
  tags,
  auth: 'user',
  querystring: datedPageQuery,
  responses: {
    200: {
      description: 'One page, newest first.',
      schema: page(mediaFile).meta({ id: 'MediaFilePage' }),
      example: { data: [example], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getMedia = defineOperation({
  operationId: 'getMedia',
  method: 'GET',
  path: '/api/media/{id}',
  summary: 'Get a stored file with a new URL',
  tags,
  auth: 'user',
  params: idParams,
  responses: {
    200: { description: 'The file.', schema: mediaFile, example },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const deleteMedia = defineOperation({
  operationId: 'deleteMedia',
  method: 'DELETE',
  path: '/api/media/{id}',
  summary: 'Delete a stored file',
  description: 'Its URLs stop to work.',
  tags,
  auth: 'user',
  params: idParams,
  responses: { 204: { description: 'Deleted.' }, ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const getMediaContent = defineOperation({
  operationId: 'getMediaContent',
  method: 'GET',
  path: '/api/media/{id}/content',
  summary: 'Read a stored file by its signed URL',
  tags,
  auth: 'none',
  params: idParams,
  querystring: z.object({
    expires: z.coerce.number().int().describe('Unix seconds.'),
    signature: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  responses: {
    200: {
      description: 'The file.',
      contentType: 'image/png',
      schema: z.unknown().meta({ type: 'string', format: 'binary' }),
      example: 'PNG…',
    },
    ...problemResponses('invalid_request', 'not_found', 'internal_error', 'service_unavailable'),
  },
});

export const MEDIA_OPERATIONS = [listMedia, getMedia, deleteMedia, getMediaContent] as const;
