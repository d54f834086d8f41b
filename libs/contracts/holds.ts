/** Checks, holds and settlements for customers' own backends, on the ledger that metered requests use. */
import { z } from 'zod';
import { isGauge, isMeter, LIMIT_STATES } from '#libs/catalogue/limit.ts';
import { TOKEN_CLASSES, UNIT_CLASSES } from '#libs/pricing/units.ts';
import { count, instant, nanoUsd, usd } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { exampleRefusedLimit, limitWire, meterAmountWire, refusedLimitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { costLimit } from './usage-examples.ts';

const tags = ['Metering'];
const MAX_OPERATIONS = 50;
const MAX_UNITS = 1_000_000_000;
const MAX_TTL_SECONDS = 3_600;

const TOKENS: readonly string[] = TOKEN_CLASSES;
const OTHER_CLASSES = UNIT_CLASSES.filter((unitClass) => !TOKENS.includes(unitClass));
const units = z.int().min(0).max(MAX_UNITS);

/** Not a gauge: those count what exists here, such as seats. */
const meterName = z
  .string()
  .refine((name) => isMeter(name) && !isGauge(name), 'must be a meter of usage, such as gen.blog');
/** Below 10^15, which JSON numbers keep exact. */
const meterAmount = z.string().regex(/^(0|[1-9]\d{0,14})$/, 'must be a whole number of at most 15 digits');
const meters = z
  .record(meterName, meterAmount)
  .describe('Amounts by meter, in the unit of the meter: nano-USD for `cost`, otherwise a count.');

export const plannedOperation = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_.-]{0,59}$/, 'must be lower case letters, digits, and any of _ . -')
      .default('external')
      .describe('What usage lists call it.'),
    model: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('A model with a price. Without one, the operation has only `meters`.'),
    input_tokens: units.default(0).describe('Upper bound of the prompt.'),
    output_tokens: units.default(0).describe('Upper bound of the output, reasoning included.'),
    units: z
      .partialRecord(z.enum(OTHER_CLASSES), units)
      .default({})
      .describe('Upper bounds of units that are not tokens.'),
    meters: meters.default({}),
  })
  .refine(({ model, meters }) => model !== undefined || Object.keys(meters).length > 0, {
    error: 'must have a model, or meters',
  })
  .refine(
    (operation) =>
      operation.model !== undefined ||
      operation.input_tokens + operation.output_tokens + Object.keys(operation.units).length === 0,
    { error: 'has tokens or units, so it needs a model that prices them' },
  )
  .meta({ id: 'PlannedOperation' });
export type PlannedOperation = z.output<typeof plannedOperation>;

const operations = z.array(plannedOperation).min(1).max(MAX_OPERATIONS);

const operationFields = {
  index: count,
  name: z.string(),
  provider: z.string().describe('`external` for an operation without a model.'),
  model: z.string(),
  cost_usd: usd,
  cost_nano_usd: nanoUsd,
  meters: z.array(meterAmountWire).describe('The most that it may add to each meter.'),
};

export const checkedOperation = z.object({
  index: count,
  name: z.string(),
  model: z.string().nullable(),
  allowed: z.boolean(),
  cost_usd: usd.nullable().describe('Null for a model without a price.'),
  cost_nano_usd: nanoUsd.nullable(),
  reason: z
    .string()
    .nullable()
    .describe('The code of the problem with which a hold would be refused; null if it is allowed.'),
  limit: refusedLimitWire.nullable().describe('The limit that refuses it.'),
});
export type CheckedOperation = z.infer<typeof checkedOperation>;

export const checkResult = z
  .object({
    allowed: z.boolean().describe('Whether all of them would be admitted together.'),
    cost_usd: usd,
    cost_nano_usd: nanoUsd,
    operations: z.array(checkedOperation),
    remaining: z.array(limitWire).describe('Every limit on a meter of the operations, as it is now.'),
  })
  .meta({ id: 'CheckResult' });
export type CheckResult = z.infer<typeof checkResult>;

const bodyOperation = { model: 'gpt-4o-mini', input_tokens: 1_200, output_tokens: 800 };

export const HOLD_PROBLEMS = [
  ...USER_PROBLEMS,
  'payment_required',
  'feature_not_in_plan',
  'model_not_in_plan',
  'unknown_model',
  'unpriced_model',
  'semantic_error',
  'meter_disabled',
  'limit_exceeded',
  'limit_held',
  'limit_blocked',
  'emergency_stop',
  'metering_unavailable',
  'idempotency_in_progress',
  'idempotency_key_reused',
] as const;

export const checkOperations = defineOperation({
  operationId: 'checkOperations',
  method: 'POST',
  path: '/api/check',
  summary: 'Check whether operations would be admitted',
  description:
    'Decides as a hold would, in the given order, and holds nothing: each operation is checked with those before it that are allowed. Limits may change before the hold, so only a hold is a promise.',
  tags,
  auth: 'user',
  scope: 'generate',
  requirements: [REQUIRES_API_ACCESS],
  body: z.strictObject({ operations }),
  bodyExample: { operations: [bodyOperation, { name: 'video.render', meters: { 'gen.video': '1' } }] },
  responses: {
    200: {
      description: 'The decision for each operation.',
      schema: checkResult,
      example: {
        allowed: false,
        cost_usd: '0.000660000',
        cost_nano_usd: '660000',
        operations: [
          {
            index: 0,
            name: 'external',
            model: 'gpt-4o-mini',
            allowed: false,
            cost_usd: '0.000660000',
            cost_nano_usd: '660000',
            reason: 'limit_exceeded',
            limit: exampleRefusedLimit,
          },
        ],
        remaining: [costLimit],
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'payment_required', 'feature_not_in_plan', 'metering_unavailable'),
  },
});

export const holdResource = z
  .object({
    id: z.uuid().describe('Also the id of its report: `GET /api/usage/requests/{request_id}`.'),
    state: z.literal('open'),
    expires_at: instant,
    operations: z.array(z.object({ ...operationFields, price_version: z.string() })),
    cost_usd: usd,
    cost_nano_usd: nanoUsd,
  })
  .meta({ id: 'Hold' });
export type HoldResource = z.infer<typeof holdResource>;

const holdId = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

export const createHold = defineOperation({
  operationId: 'createHold',
  method: 'POST',
  path: '/api/holds',
  summary: 'Hold the worst case of operations of your own',
  description:
    'For work that your own backend does. The worst case is held against every limit of the account, exactly as for a metered request; a hold that does not fit is refused with the same problems. Settle each operation with what it used, then close the hold. When it expires, operations that are not settled count at what was held for them, because their outcome is unknown; close it in time to release those that never ran.',
  tags,
  auth: 'user',
  scope: 'usage:write',
  requirements: [REQUIRES_API_ACCESS],
  headers: idempotencyHeaders,
  body: z.strictObject({
    operations,
    expires_in_seconds: z.int().min(1).max(MAX_TTL_SECONDS).default(120),
  }),
  bodyExample: { operations: [bodyOperation], expires_in_seconds: 300 },
  responses: {
    201: {
      description: 'The hold.',
      schema: holdResource,
      example: {
        id: holdId,
        state: 'open',
        expires_at: '2026-11-20T12:05:00.000Z',
        operations: [
          {
            index: 0,
            name: 'external',
            provider: 'openai',
            model: 'gpt-4o-mini',
            cost_usd: '0.000660000',
            cost_nano_usd: '660000',
            meters: [{ meter: 'cost', unit: 'nano_usd', amount: '660000', amount_usd: '0.000660000' }],
            price_version: 'openai/gpt-4o-mini@2024-07-18T00:00:00.000Z#3c8b17f2a9d04e61',
          },
        ],
        cost_usd: '0.000660000',
        cost_nano_usd: '660000',
      },
    },
    ...problemResponses(...HOLD_PROBLEMS),
  },
});

const holdParams = z.object({ id: z.uuid() });
const limitState = z.enum(LIMIT_STATES).describe('Of the limit nearest to its end.');

export const settlement = z
  .object({
    hold_id: z.uuid(),
    operation: count,
    outcome: z
      .enum(['settled', 'repeated', 'corrected'])
      .describe(
        '`repeated`: these figures were settled before. `corrected`: the operation counted at its bound, because its hold had expired, and now counts with these figures.',
      ),
    late: z.boolean().describe('Settled after the hold had ended.'),
    overrun: z.boolean().describe('It used more than was held for it.'),
    closed: z.boolean().describe('Whether this settlement closed the hold.'),
    cost_usd: usd,
    cost_nano_usd: nanoUsd,
    meters: z.array(meterAmountWire),
    state: limitState,
  })
  .meta({ id: 'Settlement' });
export type SettlementWire = z.infer<typeof settlement>;

export const settleBody = z.strictObject({
  operation: z
    .int()
    .min(0)
    .max(MAX_OPERATIONS - 1)
    .default(0)
    .describe('Its index in the hold.'),
  status: z
    .enum(['ok', 'error', 'unknown'])
    .default('ok')
    .describe(
      '`error`: it failed; what it used counts, its `meters` do not. `unknown`: it may have run, so it counts at what was held for it.',
    ),
  usage: z
    .partialRecord(z.enum(UNIT_CLASSES), units)
    .optional()
    .describe(
      'What it used, by disjoint unit class. Required for an operation with a model that succeeded; priced as it was held.',
    ),
  meters: meters.optional().describe('What it added to each meter; as held unless given.'),
  latency_ms: z.int().min(0).max(86_400_000).default(0),
  provider_request_id: z.string().trim().min(1).max(200).optional(),
  close: z.boolean().default(false).describe('Also closes the hold, in the same transaction.'),
});
export type SettleBody = z.output<typeof settleBody>;

export const settleHold = defineOperation({
  operationId: 'settleHold',
  method: 'POST',
  path: '/api/holds/{id}/settle',
  summary: 'Settle an operation of a hold',
  description:
    'Records what the operation used, once: repeating it changes nothing, other figures are refused. Figures for an operation whose hold has expired correct the bound at which it counted.',
  tags,
  auth: 'user',
  scope: 'usage:write',
  params: holdParams,
  headers: idempotencyHeaders,
  body: settleBody,
  bodyExample: { usage: { input: 1_134, output: 402 }, close: true },
  responses: {
    200: {
      description: 'What was recorded.',
      schema: settlement,
      example: {
        hold_id: holdId,
        operation: 0,
        outcome: 'settled',
        late: false,
        overrun: false,
        closed: true,
        cost_usd: '0.000411300',
        cost_nano_usd: '411300',
        meters: [{ meter: 'cost', unit: 'nano_usd', amount: '411300', amount_usd: '0.000411300' }],
        state: 'ok',
      },
    },
    ...problemResponses(
      ...USER_PROBLEMS,
      'not_found',
      'conflict',
      'semantic_error',
      'metering_unavailable',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const closedHold = z.object({
  hold_id: z.uuid(),
  outcome: z.enum(['closed', 'repeated']).describe('`repeated`: it had ended before.'),
});

export const closeHold = defineOperation({
  operationId: 'closeHold',
  method: 'POST',
  path: '/api/holds/{id}/close',
  summary: 'Close a hold',
  description: 'Releases what the hold has left. Operations that are not settled did not run.',
  tags,
  auth: 'user',
  scope: 'usage:write',
  params: holdParams,
  headers: idempotencyHeaders,
  responses: {
    200: {
      description: 'The hold has ended.',
      schema: closedHold,
      example: { hold_id: holdId, outcome: 'closed' },
    },
    ...problemResponses(
      ...USER_PROBLEMS,
      'not_found',
      'metering_unavailable',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const HOLD_OPERATIONS = [checkOperations, createHold, settleHold, closeHold] as const;
