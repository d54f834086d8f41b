/** Daily emergency limits in addition to those of the plans: global, for a plan, or for an account. */
import { z } from 'zod';
import { instant, usd } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { exampleRollout, rollout } from './rollouts.ts';
import { givenReason, reason } from './staff-decision.ts';

const tags = ['Admin'];

const planKey = z.string().min(1).max(100);

const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('global') }),
  z.strictObject({ kind: z.literal('plan'), plan: planKey }),
  z.strictObject({ kind: z.literal('account'), account_id: z.uuid() }),
]);
export type GuardRailTargetWire = z.output<typeof target>;

const tokens = z.string().regex(/^[1-9]\d{0,17}$/);
const money = z
  .string()
  .regex(/^(0|[1-9]\d{0,8})(\.\d{1,9})?$/)
  .refine((text) => /[1-9]/.test(text), 'must be above zero');

/** Limits that replace those of the catalogue; an absent one stays as in the catalogue. Also the stored form. */
export const guardRailFigures = z.object({
  tokens_per_day: tokens.nullable().optional().describe('Null: no limit on tokens.'),
  cost_per_day_usd: money.nullable().optional().describe('USD; null: no limit on cost.'),
});
export type GuardRailFigures = z.output<typeof guardRailFigures>;

export const guardRail = z
  .object({
    target,
    enabled: z.boolean().describe('False: the target has no emergency limits.'),
    ...guardRailFigures.shape,
    reason: z.string(),
    author: z.string(),
    updated_at: instant,
  })
  .meta({ id: 'GuardRail' });
export type GuardRailWire = z.output<typeof guardRail>;

export const putGuardRailBody = z.strictObject({
  target,
  enabled: z.boolean(),
  ...guardRailFigures.shape,
  reason,
});

/** A target in a query string. */
const targetQuery = z.object({
  kind: z.enum(['global', 'plan', 'account']),
  target: z.string().min(1).max(100).optional().describe('The key of the plan, or the id of the account.'),
  ...givenReason.shape,
});

const exampleRail: GuardRailWire = {
  target: { kind: 'plan', plan: 'free' },
  enabled: true,
  tokens_per_day: '1000',
  cost_per_day_usd: '5.00',
  reason: 'Abuse of free accounts.',
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  updated_at: '2026-11-20T12:00:00.000Z',
};

const applied = {
  rollout: rollout
    .nullable()
    .describe('The progress of the change; null for one account, where it already applies.'),
};

const appliedGuardRail = guardRail.extend(applied).meta({ id: 'AppliedGuardRail' });

export const listGuardRails = defineOperation({
  operationId: 'listGuardRails',
  method: 'GET',
  path: '/api/admin/guard-rails',
  summary: 'List emergency limits',
  description:
    'The defaults of the active catalogue, the settings of staff, and the progress of the last change. The most specific setting applies: account, then plan, then global, then catalogue.',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of settings: the global one, those of plans, then those of accounts.',
      schema: keyPage(guardRail).extend({
        catalogue: z
          .object({
            tokens_per_day: z.string().nullable(),
            cost_per_day_usd: usd.nullable(),
            plans: z.array(z.string()).describe('Plans to which it applies by default.'),
            segments: z.array(z.string()).describe('Segments to which it applies by default.'),
          })
          .nullable()
          .describe('Null if the catalogue has none.'),
        ...applied,
      }),
      example: {
        data: [exampleRail],
        next_cursor: null,
        catalogue: {
          tokens_per_day: '1000',
          cost_per_day_usd: '5.000000000',
          plans: ['free-alpha'],
          segments: ['new_tester'],
        },
        rollout: exampleRollout,
      },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const putGuardRail = defineOperation({
  operationId: 'putGuardRail',
  method: 'PUT',
  path: '/api/admin/guard-rails',
  summary: 'Set an emergency limit',
  description:
    'A limit for one account applies as soon as this responds. A limit for a plan or for all accounts is applied to account after account; `rollout` shows the progress. Plans and overrides cannot lift it.',
  tags,
  auth: 'staff',
  body: putGuardRailBody,
  bodyExample: {
    target: exampleRail.target,
    enabled: true,
    tokens_per_day: '1000',
    cost_per_day_usd: '5.00',
    reason: exampleRail.reason,
  },
  responses: {
    200: {
      description: 'Set.',
      schema: appliedGuardRail,
      example: { ...exampleRail, rollout: exampleRollout },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found', 'semantic_error'),
  },
});

export const deleteGuardRail = defineOperation({
  operationId: 'deleteGuardRail',
  method: 'DELETE',
  path: '/api/admin/guard-rails',
  summary: 'Delete an emergency limit',
  description: 'The next less specific setting applies again.',
  tags,
  auth: 'staff',
  querystring: targetQuery,
  responses: {
    200: {
      description: 'Deleted.',
      schema: z.object(applied),
      example: { rollout: exampleRollout },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const guardRailOperations = [listGuardRails, putGuardRail, deleteGuardRail] as const;
