/** Provider calls of unknown outcome, which count at what was held for them, and their corrections by staff. */
import { z } from 'zod';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { usageCall } from './usage.ts';
import * as example from './usage-examples.ts';

const tags = ['Admin'];

/** Names one call: the id of its request and its index, joined by a dot. */
export const callId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{1,4}$/, 'must be the id of a call')
  .describe('`request_id` and `call_index` of the call, joined by a dot.');

export const unresolvedCall = usageCall
  .extend({ id: callId, account_id: z.uuid() })
  .meta({ id: 'UnresolvedCall' });
export type UnresolvedCall = z.infer<typeof unresolvedCall>;

/** Larger than any model's context, and small enough for every cost to stay in range. */
const MAX_UNITS = 1_000_000_000;
const units = z.int().min(0).max(MAX_UNITS).optional();

export const resolvedUsage = z
  .strictObject(Object.fromEntries(UNIT_CLASSES.map((unitClass) => [unitClass, units])))
  .describe(
    'What the provider charged for, by unit class. Classes are disjoint: `input` excludes cached tokens, `output` excludes reasoning. An absent class counts as 0, so `{}` is a call that the provider did not charge for.',
  );

export const resolveUsageBody = z.strictObject({
  usage: resolvedUsage,
  cost_nano_usd: z
    .string()
    .regex(/^(0|[1-9]\d{0,17})$/, 'must be a whole number of nano-USD')
    .optional()
    .describe(
      'What the provider charged, for a call of the provider `unknown`: its plan could not be read, so its usage has no price. Refused for any other call, whose cost follows from its usage.',
    ),
  provider_request_id: z.string().trim().min(1).max(200).optional(),
  reason: z.string().trim().min(1).max(500).describe('Where the figures come from; kept in the audit log.'),
});
export type ResolveUsageBody = z.infer<typeof resolveUsageBody>;

export const listUnresolvedUsage = defineOperation({
  operationId: 'listUnresolvedUsage',
  method: 'GET',
  path: '/api/admin/usage/unresolved',
  summary: 'List calls of unknown outcome',
  description:
    'Calls that were sent, but whose cost is unknown (a crash, a broken connection, a timeout). They count at what was held for them until they are corrected. Newest first.',
  tags,
  auth: 'staff',
  querystring: z.object({
    limit: pageQuery.shape.limit,
    cursor: z.string().max(200).optional().describe('`next_cursor` of the previous page.'),
    account_id: z.uuid().optional(),
    model: z.string().min(1).max(200).optional(),
    from: instant.optional().describe('Inclusive start of the time of admission.'),
    to: instant.optional().describe('Exclusive end of the time of admission.'),
  }),
  responses: {
    200: {
      description: 'One page.',
      schema: page(unresolvedCall, z.string()),
      example: { data: [example.unresolvedCall], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const resolveUsage = defineOperation({
  operationId: 'resolveUsage',
  method: 'POST',
  path: '/api/admin/usage/unresolved/{id}/resolve',
  summary: 'Correct a call of unknown outcome',
  description:
    "Records the provider's figures as an explicit correction, at the prices that the call was admitted at. The call stays as it was recorded; the difference counts in every limit in which the call counted, also past ones. A call is corrected once: repeating the same figures changes nothing, other figures are refused.",
  tags,
  auth: 'staff',
  params: z.object({ id: callId }),
  headers: idempotencyHeaders,
  body: resolveUsageBody,
  bodyExample: { usage: { input: 412, output: 731 }, reason: "The provider's invoice of 20 November." },
  responses: {
    200: {
      description: 'The call with its correction.',
      schema: unresolvedCall,
      example: { ...example.unresolvedCall, correction: example.correction },
    },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'not_found',
      'conflict',
      'semantic_error',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const unresolvedUsageOperations = [listUnresolvedUsage, resolveUsage] as const;
