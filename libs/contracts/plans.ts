/** What is sold, and what an account has of it. */
import { z } from 'zod';
import { count, envelope, instant, usd } from './envelope.ts';
import { METER_UNITS } from './limits.ts';
import { defineOperation } from './operation.ts';
import * as example from './plans-examples.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

const tags = ['Plans'];

const planLimit = z
  .object({
    meter: z.string().describe('What is limited, such as `cost`, `tokens.total` or `gen.blog`.'),
    unit: z.enum(METER_UNITS),
    window: z
      .enum(['day', 'week', 'month', 'period', 'total'])
      .describe('`period` is a month counted from the start of the subscription.'),
    scope: z.enum(['account', 'user', 'workspace']).describe('Who shares the count.'),
    kind: z.enum(['n', 'unlimited', 'disabled']),
    amount: z
      .string()
      .regex(/^\d+$/)
      .nullable()
      .describe('An integer in the unit; null unless `kind` is `n`.'),
    amount_usd: usd.optional().describe('The same in USD; only for `cost`.'),
    on_limit: z.enum(['deny', 'overage']),
    overage_price_usd: usd.nullable().describe('Price of one unit beyond the amount, where that is sold.'),
  })
  .meta({ id: 'PlanLimit' });
export type PlanLimitWire = z.infer<typeof planLimit>;

const modelChoice = z.object({
  all: z.boolean().describe('Every model of the kind, also those not named here.'),
  allowed: z.array(z.string()).describe('From the least to the best.'),
  default: z.string().nullable(),
});

const price = z.object({
  currency: z.literal('USD'),
  monthly_minor: count.nullable().describe('In cents; null: contact sales.'),
  yearly_minor: count.nullable().describe('In cents, for the whole year.'),
});

export const plan = z
  .object({
    key: z.string(),
    name: z.string(),
    description: z.string(),
    rank: z.int().describe('A higher rank is a bigger plan.'),
    aliases: z.array(z.string()),
    popular: z.boolean(),
    price,
    trial_days: count,
    features: z.array(z.string()),
    text_models: modelChoice,
    image_models: modelChoice,
    qualities: z.array(z.string()),
    platforms: z.array(z.string()),
    requests_per_minute: count.nullable(),
    max_parallel: count.nullable(),
    priority: count,
    analytics_depth: z.string().nullable(),
    horizon_days: count.nullable(),
    support: z.string().nullable(),
    sla_percentage: z.number().nullable(),
    limits: z.array(planLimit),
  })
  .meta({ id: 'Plan' });
export type PlanWire = z.infer<typeof plan>;

const catalogueRef = z.object({
  id: z.string(),
  version: z.int().min(1).describe('Grows with every change of the catalogue.'),
});

export const planList = z.object({
  catalogue: catalogueRef,
  default_plan: z.string().describe('The plan of new accounts.'),
  features: z.record(z.string(), z.string()).describe('What each feature is.'),
  plans: z.array(plan).describe('From the lowest rank to the highest.'),
});
export type PlanList = z.infer<typeof planList>;

const planListResponses = {
  200: {
    description: 'The plans on offer.',
    schema: envelope(planList),
    example: { success: true, data: example.planList },
  },
  ...problemResponses('rate_limited', 'internal_error', 'service_unavailable'),
};

export const listPlans = defineOperation({
  operationId: 'listPlans',
  method: 'GET',
  path: '/api/subscription/plans',
  summary: 'Plans on offer',
  description: 'Prices, features, models and limits of every plan that can be bought.',
  tags,
  auth: 'none',
  responses: planListResponses,
});

export const listAvailablePlans = defineOperation({
  operationId: 'listAvailablePlans',
  method: 'GET',
  path: '/api/plans/available',
  summary: 'Plans on offer',
  description: 'The same as `GET /api/subscription/plans`.',
  tags,
  auth: 'none',
  responses: planListResponses,
});

export const currentSubscription = z
  .object({
    account_id: z.uuid(),
    plan: z.object({
      key: z.string(),
      name: z.string(),
      rank: z.int(),
      source: z.string().describe('`subscription`, `override:<id>`, or why it is the default plan.'),
    }),
    status: z.enum(['active', 'trialing', 'past_due', 'cancelled', 'suspended']),
    cycle: z.enum(['month', 'year']),
    price,
    started_at: instant,
    current_period: z.object({ start: instant, end: instant }),
    cancel_at_period_end: z.boolean(),
    trial_ends_at: instant.nullable(),
    catalogue: catalogueRef.describe('The version the subscription was sold under.'),
    features: z.array(z.string()),
    text_models: modelChoice,
    image_models: modelChoice,
    qualities: z.array(z.string()),
    platforms: z.array(z.string()),
    limits: z.array(z.object({ ...planLimit.shape, source: z.string() })),
    valid_until: instant.nullable().describe('When time alone changes any of this; null: never.'),
  })
  .meta({ id: 'CurrentSubscription' });
export type CurrentSubscription = z.infer<typeof currentSubscription>;

export const getCurrentSubscription = defineOperation({
  operationId: 'getCurrentSubscription',
  method: 'GET',
  path: '/api/subscription/current',
  summary: 'Your subscription',
  description:
    'The plan in force and everything it allows. `GET /api/subscription/usage` tells what is used.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  responses: {
    200: {
      description: 'The subscription of your account.',
      schema: envelope(currentSubscription),
      example: { success: true, data: example.currentSubscription },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const planOperations = [listPlans, listAvailablePlans, getCurrentSubscription] as const;
