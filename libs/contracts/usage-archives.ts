/** Usage of all accounts for staff: exports, and months that were moved to files. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import * as example from './usage-examples.ts';

const tags = ['Admin'];

const exportQuery = z.object({
  from: instant.optional().describe('Inclusive start of the time of admission.'),
  to: instant.optional().describe('Exclusive end of the time of admission.'),
  provider: z.string().min(1).max(100).optional(),
  cursor: z.string().max(300).optional().describe('The `cursor` of the last call that you have.'),
});

const description =
  'Every call of every account, by account and time. Each has a `cursor`: the last one received continues a download that broke. Byte ranges are not supported (`Accept-Ranges: none`). Calls that are archived are exported by month instead.';

export const exportAllUsageNdjson = defineOperation({
  operationId: 'exportAllUsageNdjson',
  method: 'GET',
  path: '/api/admin/usage/export.ndjson',
  summary: 'Export the calls of all accounts as JSON lines',
  description,
  tags,
  auth: 'staff',
  querystring: exportQuery,
  responses: {
    200: {
      description: 'One `UsageCall` with its `account_id` and `cursor` in each line.',
      contentType: 'application/x-ndjson',
      schema: z.string(),
      example: `${JSON.stringify({ ...example.usageCall, account_id: example.accountId, cursor: example.usageCursor })}\n`,
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const exportAllUsageCsv = defineOperation({
  operationId: 'exportAllUsageCsv',
  method: 'GET',
  path: '/api/admin/usage/export.csv',
  summary: 'Export the calls of all accounts as CSV',
  description: `${description} Values that a spreadsheet would run as a formula begin with an apostrophe.`,
  tags,
  auth: 'staff',
  querystring: exportQuery,
  responses: {
    200: {
      description: 'One line for each call, after a line of column names, which is left out with a `cursor`.',
      contentType: 'text/csv',
      schema: z.string(),
      example: example.usageCsv,
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

const usageArchive = z
  .object({
    month: z.string().regex(/^\d{4}-\d{2}$/),
    manifest: z.string().describe('The key of its manifest in the storage, which lists the Parquet files.'),
    rows: count,
    bytes: count,
    sha256: z.string().describe('Of the manifest, which has those of the files.'),
    stored_at: instant,
    detached_at: instant.nullable().describe('When its rows left the database; null while both have them.'),
  })
  .meta({ id: 'UsageArchive' });

export const listUsageArchives = defineOperation({
  operationId: 'listUsageArchives',
  method: 'GET',
  path: '/api/admin/usage/archives',
  summary: 'List archived months of usage',
  description:
    'Months older than `USAGE_RETENTION_MONTHS`, whose calls are in Parquet files. Sums, limits and invoices do not need them.',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of archived months, the oldest first.',
      schema: keyPage(usageArchive),
      example: {
        data: [
          {
            month: '2025-10',
            manifest: 'usage/2025-10/manifest.json',
            rows: 41_230,
            bytes: 2_961_034,
            sha256: '9f2c1b7e5d0a4c38b6e1f09d7a5c2e84b3d6f1a09c7e5b2d8f4a6c1e0b9d7f35',
            stored_at: '2026-11-20T02:30:00.000Z',
            detached_at: '2026-11-20T02:30:04.000Z',
          },
        ],
        next_cursor: null,
      },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const exportUsageArchive = defineOperation({
  operationId: 'exportUsageArchive',
  method: 'GET',
  path: '/api/admin/usage/archives/{month}/export.ndjson',
  summary: 'Export an archived month as JSON lines',
  description:
    'The rows as they were in the database, always in the same order. Large integers are texts. To continue a download that broke, remove its last line if that has no end, and repeat the request with `skip`, the number of lines that you have.',
  tags,
  auth: 'staff',
  params: z.object({ month: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as 2025-10') }),
  querystring: z.object({
    skip: z.coerce.number().int().min(0).default(0).describe('Rows to leave out at the beginning.'),
  }),
  responses: {
    200: {
      description: 'One row in each line.',
      contentType: 'application/x-ndjson',
      schema: z.string(),
      example: `${JSON.stringify({ hold_id: example.requestId, call_index: 0, provider: 'openai', cost_nano_usd: '500400' })}\n`,
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const usageArchiveOperations = [
  exportAllUsageCsv,
  exportAllUsageNdjson,
  listUsageArchives,
  exportUsageArchive,
] as const;
