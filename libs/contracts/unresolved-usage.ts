/** Provider calls of unknown outcome, which count at what was held for them, and their corrections by staff. */
import { z } from 'zod';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';
import { count, instant } from './envelope.ts';
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
      schema: page(unresolvedCall, z.string()).meta({ id: 'UnresolvedCallPage' }),
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

const exportTokens = z.object({
  input: z.int(),
  cache_read: z.int(),
  cache_write: z.int(),
  output: z.int().describe('With reasoning.'),
});
const exampleTokens = { input: 412, cache_read: 0, cache_write: 0, output: 731 };

export const dayComparison = z
  .object({
    day: z.iso.date(),
    model: z.string(),
    provider: z
      .object({ requests: count.nullable(), tokens: exportTokens })
      .nullable()
      .describe("The provider's figures; null if the export has none."),
    recorded: z.object({ calls: count, tokens: exportTokens }).describe('Calls whose outcome is known.'),
    difference: exportTokens.describe("The provider's figures less the recorded ones."),
    unresolved: count.describe('Calls of unknown outcome, which are not in the recorded figures.'),
    result: z
      .enum(['equal', 'resolved_by_export', 'ambiguous', 'different'])
      .describe(
        '`resolved_by_export`: the difference is what the calls of unknown outcome used. `ambiguous`: several of them share it, or it does not fit what was held.',
      ),
    resolutions: z.array(z.object({ id: callId, usage: exportTokens.partial() })),
  })
  .meta({ id: 'UsageComparison' });

export const reconcileUsage = defineOperation({
  operationId: 'reconcileUsage',
  method: 'POST',
  path: '/api/admin/usage/reconcile',
  summary: "Compare a provider's usage export with the recorded usage",
  description:
    'By UTC day and model. With `apply`, calls of unknown outcome whose usage follows from the difference are corrected as if it had been given to `resolve`. A call around midnight may count on another day at the provider.',
  tags,
  auth: 'staff',
  takesMedia: true,
  headers: idempotencyHeaders,
  body: z.strictObject({
    provider: z.enum(['openai', 'anthropic']),
    source: z
      .string()
      .min(1)
      .describe(
        "The file: JSON of OpenAI's completions usage API or of Anthropic's messages usage report, grouped by model in daily buckets, or the CSV of their consoles.",
      ),
    apply: z.boolean().default(false),
  }),
  bodyExample: {
    provider: 'openai',
    source: 'start_time,num_model_requests,model,input_tokens,output_tokens,input_cached_tokens',
    apply: false,
  },
  responses: {
    200: {
      description: 'Every day and model of the export, and of the recorded usage of its days.',
      schema: z.object({
        days: z.array(dayComparison),
        unknown_models: z.array(z.string()).describe('Models of the export that are not ours.'),
        corrected: z.array(callId).describe('Calls that were corrected.'),
      }),
      example: {
        days: [
          {
            day: '2026-11-20',
            model: 'gpt-4o-mini',
            provider: { requests: 1, tokens: exampleTokens },
            recorded: { calls: 1, tokens: exampleTokens },
            difference: { input: 0, cache_read: 0, cache_write: 0, output: 0 },
            unresolved: 0,
            result: 'equal',
            resolutions: [],
          },
        ],
        unknown_models: [],
        corrected: [],
      },
    },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'semantic_error',
      'body_too_large',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const unresolvedUsageOperations = [listUnresolvedUsage, resolveUsage, reconcileUsage] as const;
