/** Usage for charts: the dashboard, trends, breakdowns, performance and projections. */
import { z } from 'zod';
import { ALERT_SEVERITIES } from './alert-kinds.ts';
import * as example from './dashboard-examples.ts';
import { count, envelope, instant, nanoUsd, usd } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { endUserFilter, usageFigures } from './usage.ts';

const tags = ['Usage'];
/** Errors of views that not every plan includes. */
const PLAN_PROBLEMS = ['feature_not_in_plan', 'metering_unavailable'] as const;
const userParams = z.object({ user_id: z.uuid() });
const money = z.number().describe('USD as a number, for display. The other operations have exact amounts.');
const percentage = z.number().describe('With two decimals.');

const providerSums = z.record(z.string(), z.object({ calls: count, cost: money, tokens: count }));

const trends = z
  .object({
    periods: z.array(z.iso.date()).describe('The first day of each month of the subscription, oldest first.'),
    total_calls: z.array(count),
    total_cost: z.array(money),
    total_tokens: z.array(count),
    provider_trends: z.record(
      z.string(),
      z.object({ calls: z.array(count), cost: z.array(money), tokens: z.array(count) }),
    ),
  })
  .meta({ id: 'UsageTrends' });
export type UsageTrendsWire = z.infer<typeof trends>;

export const dashboard = z
  .object({
    current_usage: z.object({
      total_calls: count,
      total_cost: money,
      usage_status: z
        .enum(['active', 'warning', 'limit_reached'])
        .describe('By the most used limit: `warning` from 80 %, `limit_reached` at 100 %.'),
      provider_breakdown: providerSums,
    }),
    trends,
    limits: z.object({
      plan_name: z.string().nullable().describe('Null while billing does not answer.'),
      limits: z
        .record(z.string(), z.number())
        .describe('Numeric limits, such as `gemini_calls` and `monthly_cost`. Unlimited ones are left out.'),
    }),
    usage_percentages: z.record(z.string(), percentage),
    projections: z.object({
      projected_monthly_cost: money,
      projected_usage_percentage: percentage
        .nullable()
        .describe('Share of the cost limit; null without such a limit.'),
    }),
    alerts: z
      .array(z.object({ title: z.string(), message: z.string(), severity: z.enum(ALERT_SEVERITIES) }))
      .describe('The five newest unread alerts.'),
    summary: z.object({
      total_api_calls_this_month: count,
      total_cost_this_month: money,
      usage_status: z.string(),
      unread_alerts: count,
    }),
  })
  .meta({ id: 'UsageDashboard' });
export type DashboardWire = z.infer<typeof dashboard>;

export const getDashboard = defineOperation({
  operationId: 'getDashboard',
  method: 'GET',
  path: '/api/subscription/dashboard/{user_id}',
  summary: 'Everything that a usage page shows',
  description:
    'Usage of the current period, limits, trends, projection and alerts. For owners and admins of the account the figures are those of the whole account, for members those of their own calls.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: userParams,
  responses: {
    200: {
      description: 'The dashboard.',
      schema: envelope(dashboard),
      example: { success: true, data: example.dashboard },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const getTrends = defineOperation({
  operationId: 'getUsageTrends',
  method: 'GET',
  path: '/api/subscription/usage/{user_id}/trends',
  summary: 'Usage by month',
  description: 'Months of the subscription: from its day of the month to the same day of the next.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: userParams,
  querystring: z.object({ months: z.coerce.number().int().min(1).max(24).default(6) }),
  responses: {
    200: {
      description: 'One element for each month, the current one last.',
      schema: envelope(trends),
      example: { success: true, data: example.trends },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const BREAKDOWN_GROUPS = [
  'model',
  'provider',
  'key',
  'user',
  'end_user',
  'workspace',
  'step',
  'content_type',
] as const;
export const GRANULARITIES = ['hour', 'day', 'month', 'total'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

const breakdownRow = z.object({
  start: z
    .union([z.iso.date(), z.iso.datetime()])
    .describe(
      'The first day that the row sums; with `granularity=hour` the hour, such as `2026-11-10T14:00:00Z`.',
    ),
  group: z
    .string()
    .nullable()
    .describe(
      'The model as `provider/model`, the id, or the name; of an end user the id that you gave. Null for calls without one.',
    ),
  ...usageFigures.shape,
});
export type BreakdownRowWire = z.infer<typeof breakdownRow>;

const usageBreakdown = z
  .object({ from: z.iso.date(), to: z.iso.date(), total: usageFigures, rows: z.array(breakdownRow) })
  .meta({ id: 'UsageBreakdown' });

export const getBreakdown = defineOperation({
  operationId: 'getUsageBreakdown',
  method: 'GET',
  path: '/api/usage/breakdown',
  summary: 'Usage by model, key, user, workspace or content type',
  description:
    'Sums of UTC days or hours, exact at any moment. Owners, admins and API keys see the whole account; members see their own calls. At most 400 days (7 by hour) and 5,000 rows. How far back and whether by hour depends on the `analytics_depth` of the plan: `basic` 92 days, `standard` 400, `advanced` 800 and hours, `premium` and plans without a depth everything.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  querystring: z.object({
    from: z.iso.date().describe('The first day.'),
    to: z.iso.date().describe('The last day, included.'),
    granularity: z.enum(GRANULARITIES).default('day'),
    group_by: z.enum(BREAKDOWN_GROUPS).default('model'),
    provider: z.string().max(100).optional(),
    model: z.string().max(200).optional(),
    step: z.string().max(100).optional(),
    user_id: z.uuid().optional(),
    end_user: endUserFilter,
    key_id: z.uuid().optional(),
    workspace_id: z.uuid().optional(),
  }),
  responses: {
    200: {
      description: 'Rows by start and group.',
      schema: usageBreakdown,
      example: example.breakdown,
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found', ...PLAN_PROBLEMS),
  },
});

const milliseconds = z.object({ p50: count, p95: count, p99: count }).nullable();

const performance = z
  .object({
    provider: z.string().nullable().describe('Null for all providers together.'),
    calls: count,
    errors: count,
    error_percentage: percentage,
    latency_ms: milliseconds.describe('Null without calls.'),
    first_byte_ms: milliseconds.describe('Of calls that streamed; null without one.'),
    cost_per_call_usd: usd,
  })
  .meta({ id: 'ProviderPerformance' });
export type PerformanceWire = z.infer<typeof performance>;

const insight = z
  .object({
    kind: z.enum(['cache', 'errors', 'cheaper_model', 'output_cap']),
    provider: z.string(),
    model: z.string(),
    message: z.string(),
    percentage,
    alternative: z.string().nullable().describe('A cheaper model with an equal role in the plan.'),
    saving_usd: usd.nullable().describe('What it would have saved in that time.'),
  })
  .meta({ id: 'UsageInsight' });
export type InsightWire = z.infer<typeof insight>;

const usageInsights = z
  .object({ total: performance, providers: z.array(performance), insights: z.array(insight) })
  .meta({ id: 'UsageInsights' });

export const getInsights = defineOperation({
  operationId: 'getUsageInsights',
  method: 'GET',
  path: '/api/usage/insights',
  summary: 'Performance of providers, and what to improve',
  description:
    'Latency and errors of the newest 5,000 calls of the last 30 days, by provider; and what to improve: models with unused cache or many errors, cheaper models with an equal role, and output caps that are hardly used. Requires `advanced_analytics`, if the catalogue sells it.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  responses: {
    200: {
      description: 'The comparison.',
      schema: usageInsights,
      example: example.insights,
    },
    ...problemResponses(...USER_PROBLEMS, ...PLAN_PROBLEMS),
  },
});

const projection = z
  .object({
    as_of: instant,
    period: z.object({ start: instant, end: instant }),
    spent_usd: usd,
    spent_nano_usd: nanoUsd,
    cost_usd: usd.describe('Projected cost of the whole period.'),
    cost_nano_usd: nanoUsd,
    low_usd: usd.nullable(),
    high_usd: usd.nullable(),
    error_percentage: z
      .number()
      .nullable()
      .describe('The usual error of the projection, from which the band follows; null without data for it.'),
    error_from: z
      .enum(['past_periods', 'daily_variance'])
      .nullable()
      .describe(
        '`past_periods`: the mean error that this method had at the same day of earlier periods. `daily_variance`: 80 % of outcomes, from the variance of the days so far.',
      ),
    tested_periods: count.describe('Earlier periods that the method was tested on.'),
    weekday_pattern: z
      .boolean()
      .describe('Whether days are weighted by weekday, from eight weeks of history.'),
    percentage: percentage.nullable().describe("Share of the period's cost limit."),
    days_begun: count,
    days_in_period: count,
  })
  .meta({ id: 'UsageProjection' });
export type ProjectionWire = z.infer<typeof projection>;

export const getProjection = defineOperation({
  operationId: 'getUsageProjection',
  method: 'GET',
  path: '/api/usage/projection',
  summary: 'Projected cost of the current period, with its error',
  description:
    'For the whole account, or for the calls of a member. Requires `predictive_analytics`, if the catalogue sells it.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  responses: {
    200: {
      description: 'The projection.',
      schema: projection,
      example: example.projection,
    },
    ...problemResponses(...USER_PROBLEMS, ...PLAN_PROBLEMS),
  },
});

export const dashboardOperations = [
  getDashboard,
  getTrends,
  getBreakdown,
  getInsights,
  getProjection,
] as const;
