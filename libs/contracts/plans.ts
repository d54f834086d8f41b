/** The offered plans, and an account's own plan. */
import { z } from 'zod';
import { SUBSCRIPTION_STATUSES } from '#libs/catalogue/subscription.ts';
import { count, envelope, instant } from './envelope.ts';
import { limitAmountWire, limitWire, planLimitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { paymentRequestSummary } from './payment-requests.ts';
import { planInForce, planPrice, planRef } from './plan-ref.ts';
import * as example from './plans-examples.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { suggestedPlan } from './requirements.ts';

const tags = ['Plans'];

const modelChoice = z.object({
  all: z
    .boolean()
    .describe(
      'Every model of this kind is allowed, including unlisted ones. False where the catalogue sells none.',
    ),
  allowed: z.array(z.string()).describe('From the lowest quality to the highest.'),
  default: z.string().nullable(),
});

export const cycle = z.enum(['month', 'year']).describe('The billing cycle.');

export const plan = z
  .object({
    ...planRef.shape,
    description: z.string(),
    aliases: z.array(z.string()),
    popular: z.boolean(),
    price: planPrice,
    trial_days: count,
    features: z.array(z.string()),
    text_models: modelChoice,
    image_models: modelChoice,
    embedding_models: modelChoice,
    qualities: z.array(z.string()),
    platforms: z.array(z.string()),
    requests_per_minute: count.nullable(),
    max_parallel: count.nullable(),
    priority: count,
    analytics_depth: z.string().nullable(),
    horizon_days: count.nullable(),
    retention_days: count
      .nullable()
      .describe('Days that documents are kept after their last change; null: until they are deleted.'),
    support: z.string().nullable(),
    sla_percentage: z.number().nullable(),
    limits: z.array(planLimitWire),
    not_yet_available: z
      .array(z.string())
      .describe(
        'Features, content types and meters that this plan includes and that are not implemented yet.',
      ),
  })
  .meta({ id: 'Plan' });
export type PlanWire = z.infer<typeof plan>;

const catalogueRef = z.object({
  id: z.string(),
  version: z.int().min(1).describe('Increases with every change of the catalogue.'),
});

const names = z.record(z.string(), z.string());

export const planList = z
  .object({
    catalogue: catalogueRef,
    default_plan: z.string().describe('The plan of new accounts.'),
    features: z.record(z.string(), z.string()).describe('The description of each feature.'),
    labels: z
      .object({ features: names, models: names, qualities: names, platforms: names })
      .describe('Names for users, by the keys that the plans have.'),
    plans: z.array(plan).describe('From the lowest rank to the highest.'),
  })
  .meta({ id: 'PlanList' });
export type PlanList = z.infer<typeof planList>;

const PUBLIC_PROBLEMS = ['rate_limited', 'internal_error', 'service_unavailable'] as const;

export const listPlans = defineOperation({
  operationId: 'listPlans',
  method: 'GET',
  path: '/api/subscription/plans',
  summary: 'Plans on offer',
  description: 'Prices, features, models and limits of every listed plan.',
  tags,
  auth: 'none',
  responses: {
    200: {
      description: 'The plans on offer.',
      schema: envelope(planList),
      example: { success: true, data: example.planList },
    },
    ...problemResponses(...PUBLIC_PROBLEMS),
  },
});

export const listAvailablePlans = defineOperation({
  operationId: 'listAvailablePlans',
  method: 'GET',
  path: '/api/plans/available',
  summary: 'Plans on offer',
  description: 'The same as `GET /api/subscription/plans`, without its `success`.',
  tags,
  auth: 'none',
  responses: {
    200: { description: 'The plans on offer.', schema: planList, example: example.planList },
    ...problemResponses(...PUBLIC_PROBLEMS),
  },
});

export const currentSubscription = z
  .object({
    account_id: z.uuid(),
    ...planInForce,
    status: z.enum(SUBSCRIPTION_STATUSES),
    cycle,
    price: planPrice,
    complimentary: z.boolean().describe('Assigned by staff: renews without payment.'),
    started_at: instant,
    updated_at: instant.describe('When the plan, its payment or a scheduled change was changed last.'),
    current_period: z.object({ start: instant, end: instant }),
    cancel_at_period_end: z.boolean(),
    access_ends_at: instant
      .nullable()
      .describe(
        'The plan ends at this time unless it is paid or resumed before; null: it does not end by time.',
      ),
    scheduled_change: z
      .object({ plan: z.string(), cycle, effective_at: instant })
      .nullable()
      .describe('The plan that replaces this one when its period ends.'),
    trial_ends_at: instant.nullable(),
    catalogue: catalogueRef.describe('The version that the subscription was sold under.'),
    features: z.array(z.string()),
    text_models: modelChoice,
    image_models: modelChoice,
    embedding_models: modelChoice,
    qualities: z.array(z.string()),
    platforms: z.array(z.string()),
    limits: z.array(z.object({ ...planLimitWire.shape, source: z.string() })),
    valid_until: instant
      .nullable()
      .describe('The next time at which any of this changes without a request; null: never.'),
  })
  .meta({ id: 'CurrentSubscription' });
export type CurrentSubscription = z.infer<typeof currentSubscription>;

export const getCurrentSubscription = defineOperation({
  operationId: 'getCurrentSubscription',
  method: 'GET',
  path: '/api/subscription/current',
  summary: 'Your subscription',
  description:
    'The current plan and everything it allows. `GET /api/subscription/usage` returns what is used.',
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

export const myPlan = z
  .object({
    ...planInForce,
    plan_details: plan,
    subscription: currentSubscription,
    open_payment_request: paymentRequestSummary
      .nullable()
      .describe('The payment request that is not paid yet.'),
    upgrades: z.array(planRef).describe('Plans with a higher rank, by rank.'),
    trial: z.object({
      eligible: z.boolean(),
      reason: z.enum(['trial_used', 'not_on_default_plan', 'no_plan_has_a_trial']).nullable(),
      plans: z.array(z.object({ ...planRef.shape, days: count })).describe('Plans that can be tried.'),
    }),
  })
  .meta({ id: 'MyPlan' });
export type MyPlan = z.infer<typeof myPlan>;

export const getMyPlan = defineOperation({
  operationId: 'getMyPlan',
  method: 'GET',
  path: '/api/plans/my-plan',
  summary: 'Your plan and its upgrades',
  tags,
  auth: 'user',
  scope: 'billing:read',
  responses: {
    200: {
      description: 'The current plan, the subscription, upgrades and trials.',
      schema: myPlan,
      example: example.myPlan,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

const usableLimit = z.object({
  ...limitWire.shape,
  can_use: z.boolean().describe('Whether one more unit would be admitted now.'),
  upgrade: z
    .object({ urgency: z.enum(['medium', 'high']), suggested_plans: z.array(suggestedPlan) })
    .nullable()
    .describe('From 80 % of the limit: the plans that allow twice the current usage.'),
});

export const planUsage = z
  .object({
    ...planInForce,
    period: z.object({ start: instant, end: instant }),
    limits: z.array(usableLimit).describe('Every limit with its usage.'),
    features: z
      .record(z.string(), z.object({ enabled: z.boolean(), source: z.string(), description: z.string() }))
      .describe('Every feature of the catalogue, and whether it is enabled.'),
    text_models: modelChoice,
    image_models: modelChoice,
    embedding_models: modelChoice,
    qualities: z.record(z.string(), z.boolean()).describe('From the lowest to the highest.'),
    platforms: z.record(z.string(), z.boolean()),
  })
  .meta({ id: 'PlanUsage' });
export type PlanUsage = z.infer<typeof planUsage>;

export const getPlanLimits = defineOperation({
  operationId: 'getPlanLimits',
  method: 'GET',
  path: '/api/plans/limits',
  summary: 'Limits and usage of your plan',
  tags,
  auth: 'user',
  scope: 'billing:read',
  responses: {
    200: {
      description: 'Limits with their usage, features, models, qualities and platforms.',
      schema: planUsage,
      example: example.planUsage,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const capability = z
  .object({
    name: z.string(),
    feature: z.string().describe('The feature of the catalogue that grants it.'),
    description: z.string(),
    enabled: z.boolean(),
    source: z.string().describe('The source of `enabled`: `plan:<key>`, `override:<id>`, `flag:<key>`.'),
    plan: z.string().describe('Your plan.'),
    plans: z.array(planRef).describe('The plans that include it, by rank.'),
  })
  .meta({ id: 'Capability' });
export type Capability = z.infer<typeof capability>;

export const getCapability = defineOperation({
  operationId: 'getCapability',
  method: 'GET',
  path: '/api/plans/capabilities/{name}',
  summary: 'Whether you have a capability',
  description: 'An unknown name is refused with 400 and the known names.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  params: z.object({ name: z.string().min(1).max(100) }),
  responses: {
    200: {
      description: 'Whether it is enabled, its source, and the plans that include it.',
      schema: capability,
      example: example.capability,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

const limitChange = limitAmountWire.nullable().describe('Null where the plan does not limit it.');

export const planChanges = z.object({
  features_gained: z.array(z.string()),
  features_lost: z.array(z.string()),
  limits: z.array(
    z.object({
      ...planLimitWire.pick({ meter: true, label: true, unit: true, window: true, scope: true }).shape,
      before: limitChange,
      after: limitChange,
      change: z.enum(['raised', 'lowered']),
    }),
  ),
});
export type PlanChangesWire = z.infer<typeof planChanges>;

export const planComparison = z
  .object({
    a: plan,
    b: plan,
    direction: z.enum(['upgrade', 'downgrade', 'same']),
    changes: planChanges.describe('What changes for an account that moves from `a` to `b`.'),
  })
  .meta({ id: 'PlanComparison' });
export type PlanComparisonWire = z.infer<typeof planComparison>;

const planKey = z.string().min(1).max(100).describe('Key or alias of a plan.');

export const comparePlans = defineOperation({
  operationId: 'comparePlans',
  method: 'GET',
  path: '/api/plans/compare',
  summary: 'Compare two plans',
  tags,
  auth: 'none',
  querystring: z.object({ a: planKey, b: planKey }),
  responses: {
    200: {
      description: 'Both plans and their differences.',
      schema: planComparison,
      example: example.planComparison,
    },
    ...problemResponses(
      'invalid_request',
      'unknown_plan',
      'rate_limited',
      'internal_error',
      'service_unavailable',
    ),
  },
});

export const planOperations = [
  listPlans,
  listAvailablePlans,
  comparePlans,
  getMyPlan,
  getPlanLimits,
  getCapability,
  getCurrentSubscription,
] as const;
