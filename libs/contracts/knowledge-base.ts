/** `/api/kb/files`: texts that an account's content should follow. */

import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { CONTROLS, isStorable } from './storable-text.ts';

/** Size of the content in UTF-8. */
export const MAX_FILE_BYTES = 1024 * 1024;

const fileName = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(new RegExp(String.raw`^[^${CONTROLS}/\\]+$`), 'must be a name without slashes or control characters')
  .refine(isStorable, 'must be text');

export const addKbFileRequest = z
  .strictObject({
    name: fileName,
    media_type: z
      .string()
      .max(100)
      .regex(
        /^(text\/[a-z0-9.+-]+|application\/(json|xml|yaml))$/,
        'must be a text type, such as text/markdown',
      )
      .default('text/plain'),
    content: z
      .string()
      .min(1)
      .refine(
        (content) => new TextEncoder().encode(content).length <= MAX_FILE_BYTES,
        'must not exceed 1 MiB',
      )
      .refine(isStorable, 'must be text without NUL')
      .describe('At most 1 MiB in UTF-8.'),
  })
  .meta({ id: 'AddKbFileRequest' });

const kbFileShape = {
  id: z.uuid(),
  name: z.string(),
  media_type: z.string(),
  size_bytes: count,
  created_at: instant,
};

export const kbFile = z.object(kbFileShape).meta({ id: 'KbFile' });
export const kbFileWithContent = z
  .object({ ...kbFileShape, content: z.string() })
  .meta({ id: 'KbFileWithContent' });

export type KbFileView = z.infer<typeof kbFile>;

const exampleFile: KbFileView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d60',
  name: 'tone-of-voice.md',
  media_type: 'text/markdown',
  size_bytes: 25,
  created_at: '2026-11-20T09:00:00.000Z',
};
const exampleContent = 'Short words. No jargon.\n\n';

const fileId = z.object({ id: z.uuid() });
const tags = ['Knowledge base'];

export const listKbFiles = defineOperation({
  operationId: 'listKbFiles',
  method: 'GET',
  path: '/api/kb/files',
  summary: 'List knowledge-base files',
  tags,
  auth: 'user',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page of files, newest first, without their content.',
      schema: page(kbFile).meta({ id: 'KbFilePage' }),
      example: { data: [exampleFile], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const addKbFile = defineOperation({
  operationId: 'addKbFile',
  method: 'POST',
  path: '/api/kb/files',
  headers: idempotencyHeaders,
  summary: 'Add a file to the knowledge base',
  tags,
  auth: 'user',
  body: addKbFileRequest,
  bodyExample: { name: exampleFile.name, media_type: exampleFile.media_type, content: exampleContent },
  responses: {
    201: { description: 'The file, without its content.', schema: kbFile, example: exampleFile },
    ...problemResponses(...USER_PROBLEMS, ...COUNTING_PROBLEMS, 'body_too_large'),
  },
});

export const getKbFile = defineOperation({
  operationId: 'getKbFile',
  method: 'GET',
  path: '/api/kb/files/{id}',
  summary: 'Read a knowledge-base file',
  tags,
  auth: 'user',
  params: fileId,
  responses: {
    200: {
      description: 'The file.',
      schema: kbFileWithContent,
      example: { ...exampleFile, content: exampleContent },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const deleteKbFile = defineOperation({
  operationId: 'deleteKbFile',
  method: 'DELETE',
  path: '/api/kb/files/{id}',
  summary: 'Delete a knowledge-base file',
  description: 'Frees its place for another file.',
  tags,
  auth: 'user',
  params: fileId,
  responses: { 204: { description: 'Deleted.' }, ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const KB_OPERATIONS = [listKbFiles, addKbFile, getKbFile, deleteKbFile] as const;
