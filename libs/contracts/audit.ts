/** The audit log: an append-only record of what staff, operators and the system did. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const state = z.record(z.string(), z.unknown()).nullable();
const name = z.string().min(1).max(200);

export const auditEntry = z
  .object({
    id: z.uuid(),
    at: instant,
    actor: z.string().describe("A user's id, `system` or `cli`."),
    action: z.string().describe('For example `override.created` or `catalogue.published`.'),
    subject: z.string().describe('The object of the action, for example `flag:ai_inbox`.'),
    account_id: z.uuid().nullable().describe('The account concerned; null for an action on many accounts.'),
    before: state,
    after: state,
    reason: z.string().nullable(),
    request_id: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntryWire = z.output<typeof auditEntry>;

export const auditQuery = z.object({
  ...pageQuery.shape,
  account_id: z.uuid().optional(),
  actor: name.optional(),
  action: name
    .optional()
    .describe('One action, or a prefix that ends with a dot: `override.` matches every action on overrides.'),
  subject: name.optional(),
  ...timeRange,
});

const exampleEntry: AuditEntryWire = {
  id: '019e3f62-3333-7a10-8c01-5d2f7b9a4e10',
  at: '2026-11-20T12:00:00.000Z',
  actor: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  action: 'flag.set',
  subject: 'flag:ai_inbox',
  account_id: null,
  before: null,
  after: { enabled: true, rules: [{ kind: 'boolean', on: true }] },
  reason: 'Testers asked for it.',
  request_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
};

export const listAudit = defineOperation({
  operationId: 'listAudit',
  method: 'GET',
  path: '/api/admin/audit',
  summary: 'List the audit log',
  description: 'Newest first. Entries cannot be changed or deleted.',
  tags: ['Admin'],
  auth: 'staff',
  querystring: auditQuery,
  responses: {
    200: {
      description: 'One page.',
      schema: page(auditEntry).meta({ id: 'AuditEntryPage' }),
      example: { data: [exampleEntry], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const auditOperations = [listAudit] as const;
