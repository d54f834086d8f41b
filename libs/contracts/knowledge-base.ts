/** `/api/kb`: files and pages that an account's content draws on. */

import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { datedPageQuery, list, page } from './page.ts';
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

/** Of a file, decoded. */
export const MAX_UPLOAD_BYTES = 10 * 1024 * 1024;
const LONGEST_BASE64 = Math.ceil(MAX_UPLOAD_BYTES / 3) * 4;

export const addKbFileRequest = z
  .strictObject({
    name: fileName.optional().describe('Required for `content` and `content_base64`; a page has its title.'),
    media_type: z
      .string()
      .max(100)
      .regex(
        /^(text\/[a-z0-9.+-]+|application\/(json|xml|yaml))$/,
        'must be a text type, such as text/markdown',
      )
      .default('text/plain')
      .describe('Of a text. The type of a PDF or DOCX is detected.'),
    content: z
      .string()
      .min(1)
      .refine(
        (content) => new TextEncoder().encode(content).length <= MAX_FILE_BYTES,
        'must not exceed 1 MiB',
      )
      .refine(isStorable, 'must be text without NUL')
      .optional()
      .describe('A text of at most 1 MiB in UTF-8.'),
    content_base64: z
      .base64()
      .min(1)
      .max(LONGEST_BASE64)
      .optional()
      .describe('A text, PDF or DOCX of at most 10 MiB, in Base64.'),
    url: z
      .string()
      .max(2_000)
      .optional()
      .describe('A page or file on the public internet, which is read once.'),
    language: z
      .string()
      .regex(/^[a-z]{2}$/, 'must be an ISO 639-1 code')
      .optional()
      .describe('ISO 639-1; detected if absent.'),
  })
  .refine(
    ({ content, content_base64, url }) =>
      [content, content_base64, url].filter((source) => source !== undefined).length === 1,
    { error: 'must have one of content, content_base64 and url' },
  )
  .refine(({ name, url }) => name !== undefined || url !== undefined, {
    error: 'must be given for a file',
    path: ['name'],
  })
  .meta({ id: 'AddKbFileRequest' });
export type AddKbFileRequest = z.output<typeof addKbFileRequest>;

const kbFileShape = {
  id: z.uuid(),
  name: z.string(),
  media_type: z.string(),
  size_bytes: count.describe('Of the file or page as it was received.'),
  source_url: z.string().nullable().describe('Where it was read from, after redirects; null for uploads.'),
  language: z.string().nullable().describe('ISO 639-1; null if it is not known.'),
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
  source_url: null,
  language: 'en',
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
  querystring: datedPageQuery,
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
  summary: 'Add a file or page to the knowledge base',
  description: [
    'Reads text, Markdown, HTML, PDF and DOCX; the type is detected from the bytes. Scanned pages have no text and are',
    'refused (422). Files count on `kb.files`, their bytes on `kb.bytes`.',
  ].join(' '),
  tags,
  auth: 'user',
  takesMedia: true,
  body: addKbFileRequest,
  bodyExample: { name: exampleFile.name, media_type: exampleFile.media_type, content: exampleContent },
  responses: {
    201: { description: 'The file, without its content.', schema: kbFile, example: exampleFile },
    ...problemResponses(
      ...USER_PROBLEMS,
      ...COUNTING_PROBLEMS,
      'body_too_large',
      'unsupported_media_type',
      'semantic_error',
      'overloaded',
    ),
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

export const kbPassage = z
  .object({
    id: z.string().describe('For citations; stable as long as the file exists.'),
    file_id: z.uuid(),
    title: z.string().describe('The name of the file, with the nearest heading or the page.'),
    text: z.string(),
  })
  .meta({ id: 'KbPassage' });

const examplePassage = {
  id: `${exampleFile.id}#0`,
  file_id: exampleFile.id,
  title: exampleFile.name,
  text: 'Short words. No jargon.',
};

export const searchKbPassages = defineOperation({
  operationId: 'searchKbPassages',
  method: 'GET',
  path: '/api/kb/passages',
  summary: 'Search the knowledge base',
  description: 'The passages that content about this topic would cite, the best first. Costs nothing.',
  tags,
  auth: 'user',
  querystring: z.object({
    query: z.string().trim().min(1).max(1_000).refine(isStorable, 'must be text'),
    language: z.string().max(20).optional().describe('ISO 639-1, of the query; detected if absent.'),
    limit: z.coerce.number().int().min(1).max(20).default(5),
  }),
  responses: {
    200: {
      description: 'Passages; none if no word of the query is in any file.',
      schema: list(kbPassage).meta({ id: 'KbPassages' }),
      example: { data: [examplePassage], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const KB_OPERATIONS = [listKbFiles, addKbFile, getKbFile, deleteKbFile, searchKbPassages] as const;
