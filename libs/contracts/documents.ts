/** `/api/documents`: the results of content jobs, with versions, to edit and to export. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { PARTS } from './generate.ts';
import { ACCEPTED, CONTENT_PROBLEMS } from './generations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery, page, pageQuery, timeRange } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { isStorable } from './storable-text.ts';

export const EXPORT_FORMATS = ['markdown', 'html', 'docx', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const VERSION_SOURCES = ['generated', 'edited', 'rewritten'] as const;
const MAX_MARKDOWN = 200_000;
const MAX_TITLE = 300;

const documentShape = {
  id: z.uuid(),
  content_type: z.enum(PARTS),
  title: z.string(),
  language: z.string().nullable(),
  version: z.int().describe('The newest version.'),
  generation_id: z.uuid().describe('The job that produced it; it may have been deleted.'),
  parent_id: z.uuid().nullable().describe('The document that it was written from.'),
  created_at: instant,
  updated_at: instant,
};

export const documentSummary = z.object(documentShape).meta({ id: 'DocumentSummary' });
export type DocumentSummaryView = z.input<typeof documentSummary>;

export const contentDocument = z
  .object({
    ...documentShape,
    source: z.enum(VERSION_SOURCES).describe('Where the version comes from.'),
    content: z
      .looseObject({})
      .describe(
        'The fields of the content type, such as `slug` and `meta_description` of a blog, or `posts` of social. An edited text does not change them.',
      ),
    markdown: z.string(),
  })
  .meta({ id: 'Document' });
export type DocumentView = z.input<typeof contentDocument>;

const documentVersion = z
  .object({
    version: z.int(),
    source: z.enum(VERSION_SOURCES),
    title: z.string(),
    user_id: z.uuid().nullable().describe('Who edited it; null for a generated version and for API keys.'),
    created_at: instant,
  })
  .meta({ id: 'DocumentVersion' });

const example: DocumentSummaryView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1da0',
  content_type: 'blog',
  title: 'Fountain pens: a practical guide',
  language: 'en',
  version: 1,
  generation_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d90',
  parent_id: null,
  created_at: '2026-11-20T12:00:40.000Z',
  updated_at: '2026-11-20T12:00:40.000Z',
};
const wholeExample: DocumentView = {
  ...example,
  source: 'generated',
  content: { slug: 'fountain-pens-a-practical-guide', keywords: ['fountain pens'], words: 812 },
  markdown: '# Fountain pens: a practical guide\n\nInk that flows as you think …',
};

const tags = ['Generation'];
const params = z.object({ id: z.uuid() });
const PATH = '/api/documents';

export const listDocuments = defineOperation({
  operationId: 'listDocuments',
  method: 'GET',
  path: PATH,
  summary: 'List documents',
  tags,
  auth: 'user',
  scope: 'generate',
  querystring: pageQuery.extend({
    content_type: z.enum(PARTS).optional(),
    generation_id: z.uuid().optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description: 'One page of documents, newest first, without their texts.',
      schema: page(documentSummary).meta({ id: 'DocumentPage' }),
      example: { data: [example], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getDocument = defineOperation({
  operationId: 'getDocument',
  method: 'GET',
  path: `${PATH}/{id}`,
  summary: 'Read a document',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  querystring: z.object({
    version: z.coerce.number().int().min(1).optional().describe('The newest by default.'),
  }),
  responses: {
    200: { description: 'The document.', schema: contentDocument, example: wholeExample },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const updateDocument = defineOperation({
  operationId: 'updateDocument',
  method: 'PATCH',
  path: `${PATH}/{id}`,
  summary: 'Edit a document',
  description:
    'Writes a new version; earlier versions stay. With `base_version`, the edit is refused with `conflict` if there is a newer one.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  body: z
    .strictObject({
      markdown: z.string().min(1).max(MAX_MARKDOWN).refine(isStorable, 'must be text without NUL').optional(),
      title: z.string().trim().min(1).max(MAX_TITLE).refine(isStorable, 'must be text').optional(),
      base_version: z.int().min(1).optional().describe('The version that was edited.'),
    })
    .refine(({ markdown, title }) => markdown !== undefined || title !== undefined, {
      path: ['markdown'],
      message: 'Give a markdown or a title',
    })
    .meta({ id: 'UpdateDocumentRequest' }),
  bodyExample: { markdown: '# Fountain pens\n\nMy own words.', base_version: 1 },
  responses: {
    200: {
      description: 'The document with its new version.',
      schema: contentDocument,
      example: { ...wholeExample, version: 2, source: 'edited' },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict', 'body_too_large'),
  },
});

export const listDocumentVersions = defineOperation({
  operationId: 'listDocumentVersions',
  method: 'GET',
  path: `${PATH}/{id}/versions`,
  summary: 'List the versions of a document',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of versions, newest first.',
      schema: keyPage(documentVersion).meta({ id: 'DocumentVersionPage' }),
      example: {
        data: [
          {
            version: 1,
            source: 'generated',
            title: example.title,
            user_id: null,
            created_at: example.created_at,
          },
        ],
        next_cursor: null,
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const exportDocument = defineOperation({
  operationId: 'exportDocument',
  method: 'GET',
  path: `${PATH}/{id}/export`,
  summary: 'Export a document',
  description:
    'As a file: Markdown, HTML without scripts and with http, https and mailto links only, DOCX for word processors, or JSON.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  querystring: z.object({
    format: z.enum(EXPORT_FORMATS).default('markdown'),
    version: z.coerce.number().int().min(1).optional().describe('The newest by default.'),
  }),
  responses: {
    200: {
      description: 'The file.',
      contentType: 'text/markdown',
      schema: z.string(),
      otherTypes: {
        'text/html': '<!doctype html>\n<html lang="en">…</html>\n',
        'application/json': '{"title": "Fountain pens", "sections": []}',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document':
          '(the bytes of a Word document)',
      },
      example: wholeExample.markdown,
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const deleteDocument = defineOperation({
  operationId: 'deleteDocument',
  method: 'DELETE',
  path: `${PATH}/{id}`,
  summary: 'Delete a document',
  description: 'With all its versions.',
  tags,
  auth: 'user',
  scope: 'generate',
  params,
  responses: { 204: { description: 'Deleted.' }, ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const rewriteSection = defineOperation({
  operationId: 'rewriteSection',
  method: 'POST',
  path: `${PATH}/{id}/sections/{section}/rewrite`,
  headers: idempotencyHeaders,
  summary: 'Rewrite one section of an article',
  description: [
    'As a job: its calls are planned and held, and when it completes, the document has a new version in which only that',
    'section differs. Sections are counted from 1, by their headings of the second level (`## …`). Without instructions,',
    'the section is written anew. An edit that is made meanwhile is kept.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: [
    REQUIRES_API_ACCESS,
    { kind: 'content_types', field: 'content_types' },
    { kind: 'model', of: 'text', field: 'model' },
  ],
  params: params.extend({ section: z.coerce.number().int().min(1).max(200) }),
  body: z
    .strictObject({
      instructions: z
        .string()
        .trim()
        .min(1)
        .max(500)
        .refine(isStorable, 'must be text')
        .optional()
        .describe('What to change.'),
      words: z.int().min(20).max(1_000).optional().describe('Its length; as long as it is, if absent.'),
      base_version: z.int().min(1).optional().describe('The version to rewrite; the newest by default.'),
      brand_voice: z.union([z.literal('none'), z.uuid()]).optional(),
      model: z.string().trim().min(1).max(200).optional(),
    })
    .meta({ id: 'RewriteSectionRequest' }),
  bodyExample: { instructions: 'Add an example for left-handed writers.', words: 120 },
  responses: {
    202: { ...ACCEPTED, description: 'The job that rewrites the section.' },
    ...problemResponses(...CONTENT_PROBLEMS),
  },
});

export const DOCUMENT_OPERATIONS = [
  listDocuments,
  getDocument,
  updateDocument,
  listDocumentVersions,
  exportDocument,
  deleteDocument,
] as const;
