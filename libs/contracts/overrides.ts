/** Overrides: entitlements that staff grant one account in addition to its plan. */
import { z } from 'zod';
import { isMeter, SCOPES, WINDOWS } from '#libs/catalogue/limit.ts';
import { instant, usd } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { limitAmountWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { givenReason, reason } from './staff-decision.ts';

const tags = ['Admin'];

const meter = z
  .string()
  .refine(isMeter, 'is not a meter')
  .describe('For example `cost`, `images` or `gen.blog`.');
const place = {
  meter,
  window: z.enum(WINDOWS).optional().describe('Only the limit in this window; all if absent.'),
  scope: z.enum(SCOPES).optional().describe('Only the limit of this scope; all if absent.'),
};
const amount = z
  .string()
  .regex(/^[1-9]\d{0,17}$/)
  .describe(
    'An integer in the unit of the meter: nano-USD for `cost`, otherwise a count, tokens or seconds.',
  );

const unlimited = z.strictObject({ kind: z.literal('unlimited') });
const disabled = z.strictObject({ kind: z.literal('disabled') });
const newAmount = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('limited'), value: amount }),
  unlimited,
  disabled,
]);
export type NewAmount = z.output<typeof newAmount>;

const termShapes = {
  quota_boost: { kind: z.literal('quota_boost'), ...place, amount },
  limit_replacement: {
    kind: z.literal('limit_replacement'),
    ...place,
    amount: newAmount.describe('What the limit allows from then on.'),
  },
  feature_grant: { kind: z.literal('feature_grant'), feature: z.string().min(1).max(100) },
  plan_change: { kind: z.literal('plan_change'), plan: z.string().min(1).max(100) },
} as const;

/** The stored form of an amount is older than its form on the wire. */
const storedAmount = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('n'), amount }),
  unlimited,
  disabled,
]);

/** The terms of an override as they are stored. */
export const overrideTerms = z.discriminatedUnion('kind', [
  z.object(termShapes.quota_boost),
  z.object({ kind: termShapes.limit_replacement.kind, ...place, limit: storedAmount }),
  z.object(termShapes.feature_grant),
  z.object(termShapes.plan_change),
]);
export type OverrideTerms = z.output<typeof overrideTerms>;

const decision = {
  reason,
  from: instant.optional().describe('Start of the override; immediately if absent.'),
  expires_at: z
    .union([instant, z.literal('period_end')])
    .nullable()
    .optional()
    .describe(
      'End of the override. `period_end`: the end of the current period; null: until it is ended. If absent, a `quota_boost` lasts for the period, and every other kind until it is ended.',
    ),
};

export const createOverrideBody = z.discriminatedUnion('kind', [
  z.strictObject({ ...termShapes.quota_boost, ...decision }),
  z.strictObject({ ...termShapes.limit_replacement, ...decision }),
  z.strictObject({ ...termShapes.feature_grant, ...decision }),
  z.strictObject({ ...termShapes.plan_change, ...decision }),
]);
export type CreateOverrideBody = z.output<typeof createOverrideBody>;

export const OVERRIDE_STATES = ['scheduled', 'in_force', 'expired', 'ended'] as const;

const facts = {
  id: z.uuid(),
  account_id: z.uuid(),
  reason: z.string(),
  author: z.string(),
  from: instant,
  expires_at: instant.nullable(),
  created_at: instant,
  updated_at: instant.describe('When it was created, or ended by staff.'),
  ended_at: instant.nullable().describe('When staff ended it early.'),
  ended_by: z.string().nullable(),
  state: z.enum(OVERRIDE_STATES),
};

export const override = z
  .discriminatedUnion('kind', [
    z.object({
      ...termShapes.quota_boost,
      amount_usd: usd.optional().describe('The amount in USD; only for `cost`.'),
      ...facts,
    }),
    z.object({ ...termShapes.limit_replacement, amount: limitAmountWire, ...facts }),
    z.object({ ...termShapes.feature_grant, ...facts }),
    z.object({ ...termShapes.plan_change, ...facts }),
  ])
  .meta({ id: 'Override' });
export type OverrideWire = z.input<typeof override>;

const exampleOverride: OverrideWire = {
  id: '019e3f61-2222-7a10-8c01-5d2f7b9a4e10',
  account_id: '019e3f5e-1111-7c31-9d52-8a4f0b6c1d2e',
  kind: 'quota_boost',
  meter: 'images',
  amount: '50',
  reason: 'Compensation for the outage on Tuesday.',
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  from: '2026-11-20T12:00:00.000Z',
  expires_at: '2026-12-01T09:00:00.000Z',
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
  ended_at: null,
  ended_by: null,
  state: 'in_force',
};

const accountParams = z.object({ account_id: z.uuid() });
const PROBLEMS = [...STAFF_PROBLEMS, 'not_found'] as const;

export const listOverrides = defineOperation({
  operationId: 'listOverrides',
  method: 'GET',
  path: '/api/admin/accounts/{account_id}/overrides',
  summary: 'List the overrides of an account',
  description: 'Newest first, including ended ones.',
  tags,
  auth: 'staff',
  params: accountParams,
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page of overrides.',
      schema: page(override).meta({ id: 'OverridePage' }),
      example: { data: [exampleOverride], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const createOverride = defineOperation({
  operationId: 'createOverride',
  method: 'POST',
  path: '/api/admin/accounts/{account_id}/overrides',
  summary: 'Grant an override to an account',
  description:
    'The override applies to every request of the account, on every replica, as soon as this responds. It expires by itself. An override without effect is refused.',
  tags,
  headers: idempotencyHeaders,
  auth: 'staff',
  params: accountParams,
  body: createOverrideBody,
  bodyExample: {
    kind: 'quota_boost',
    meter: 'images',
    amount: '50',
    reason: exampleOverride.reason,
    expires_at: 'period_end',
  },
  responses: {
    201: {
      description: 'Created.',
      schema: override,
      example: exampleOverride,
    },
    ...problemResponses(...PROBLEMS, 'semantic_error', 'conflict'),
  },
});

export const endOverride = defineOperation({
  operationId: 'endOverride',
  method: 'DELETE',
  path: '/api/admin/accounts/{account_id}/overrides/{id}',
  summary: 'End an override',
  description: 'The override is kept for the record. Ending it again has no effect.',
  tags,
  auth: 'staff',
  params: z.object({ account_id: z.uuid(), id: z.uuid() }),
  querystring: givenReason,
  responses: {
    200: {
      description: 'The ended override.',
      schema: override,
      example: {
        ...exampleOverride,
        state: 'ended',
        updated_at: '2026-11-21T08:00:00.000Z',
        ended_at: '2026-11-21T08:00:00.000Z',
        ended_by: exampleOverride.author,
      },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const overrideOperations = [listOverrides, createOverride, endOverride] as const;
