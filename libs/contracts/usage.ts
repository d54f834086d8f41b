/** Usage: current limits, the breakdown by model, and single requests. */
import { z } from 'zod';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';
import { count, envelope, instant, nanoUsd, usd } from './envelope.ts';
import { limitWire, meterAmountWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { page } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import * as example from './usage-examples.ts';

const tags = ['Usage'];

export const tokenCounts = z
  .object({
    input: count,
    cache_read: count,
    cache_write: count,
    output: count,
    reasoning: count,
    total: count,
  })
  .describe('Tokens by class; the classes are disjoint.');

const figures = {
  calls: count,
  errors: count,
  error_percentage: z.number().min(0).max(100).describe('With two decimals.'),
  tokens: tokenCounts,
  cost_usd: usd,
  cost_nano_usd: nanoUsd,
  average_latency_ms: count.nullable().describe('Null if there were no calls.'),
};

export const usageFigures = z.object(figures);
export type UsageFigures = z.infer<typeof usageFigures>;

const providerUsage = z.object({
  provider: z.string(),
  ...figures,
  models: z.array(z.object({ model: z.string(), ...figures })),
});

const costProjection = z
  .object({
    cost_usd: usd,
    cost_nano_usd: nanoUsd,
    percentage: z
      .number()
      .nullable()
      .describe("Share of the period's cost limit; null without such a limit."),
    days_begun: count,
    days_in_period: count,
  })
  .describe('Projected cost of the period at the average daily cost so far.');
export type CostProjection = z.infer<typeof costProjection>;

export const usageReport = z
  .object({
    account_id: z.uuid(),
    user_id: z
      .uuid()
      .nullable()
      .describe('The user whose calls the breakdown counts; null for the whole account.'),
    as_of: instant,
    period: z.object({ start: instant, end: instant }).describe('The current period of the subscription.'),
    status: z
      .enum(LIMIT_STATES)
      .describe('The worst state of all limits, except limits on existing resources (seats, files).'),
    limits: z.array(limitWire).describe('Every limit that applies, in its current window.'),
    projection: costProjection,
    breakdown: z
      .object({
        first_day: z.iso.date(),
        last_day: z.iso.date(),
        total: usageFigures,
        providers: z.array(providerUsage),
      })
      .describe('Provider calls by provider and model, over the UTC days of the period.'),
  })
  .meta({ id: 'UsageReport' });
export type UsageReport = z.infer<typeof usageReport>;

export const callStatus = z.enum(['ok', 'aborted', 'error']);

export const USAGE_SOURCES = ['provider', 'counted', 'estimated', 'bound'] as const;

const tokensOfCall = z
  .object({
    input: count.nullable(),
    cache_read: count.nullable(),
    cache_write: count.nullable(),
    output: count.nullable(),
    reasoning: count.nullable(),
  })
  .describe('Null if the provider did not report it.');

/** A call with its true figures, which replace those of its bound. */
export const usageCorrection = z
  .object({
    occurred_at: instant.describe('When the correction was recorded.'),
    status: callStatus,
    usage_source: z.enum(USAGE_SOURCES),
    tokens: tokensOfCall,
    other_units: z.record(z.string(), count),
    cost_usd: usd.describe('Cost of the whole call after the correction.'),
    cost_nano_usd: nanoUsd,
    change_usd: usd.describe(
      'Difference to the cost of the call as it was recorded; negative if it was less.',
    ),
    change_nano_usd: nanoUsd,
  })
  .meta({ id: 'UsageCorrection' });
export type UsageCorrection = z.infer<typeof usageCorrection>;

const callFields = {
  request_id: z.uuid(),
  call_index: z.int().min(0).describe("Position of the call in the request's plan."),
  admitted_at: instant.describe('Time of admission. Decides in which window the call counts.'),
  occurred_at: instant.describe('When the call was recorded.'),
  user_id: z.uuid().nullable(),
  key_id: z.uuid().nullable(),
  step: z.string(),
  provider: z.string(),
  model: z.string(),
  endpoint: z.string(),
  status: callStatus,
  error_code: z.string().nullable(),
  usage_source: z
    .enum(USAGE_SOURCES)
    .describe(
      'Source of the usage: reported by the provider, counted by Inkmeter, or estimated. `bound`: the outcome of the call is unknown, so it counts at what was held for it.',
    ),
  tokens: tokensOfCall,
  other_units: z.record(z.string(), count).describe('Images, seconds of audio, searches, pages.'),
  input_cost_usd: usd,
  output_cost_usd: usd,
  cost_usd: usd,
  cost_nano_usd: nanoUsd,
  price_version: z.string().describe('Identifies the prices that the cost was computed with.'),
  attempts: count,
  latency_ms: count,
  first_byte_ms: count.nullable(),
  late: z.boolean().describe('Recorded after the hold had expired.'),
  overrun: z.boolean().describe('Cost more than was held for it.'),
  request_bytes: count,
  response_bytes: count,
  provider_request_id: z.string().nullable(),
  correction: usageCorrection
    .nullable()
    .describe('The figures that replaced those of a call at its bound, once its outcome was known.'),
};

export const usageCall = z.object(callFields).meta({ id: 'UsageCall' });
export type UsageCall = z.infer<typeof usageCall>;

const pricedUnits = z.object({
  class: z.string(),
  units: count,
  per: z.enum(['million_tokens', 'unit']),
  price_usd: z.string().describe('An exact decimal.'),
  text: z.string().describe('The price in words for users.'),
});

const plannedCall = z.object({
  index: count,
  step: z.string(),
  provider: z.string(),
  model: z.string(),
  input_tokens: count.describe('Upper bound of the prompt.'),
  output_tokens: count.describe('The output cap sent to the provider, for each choice.'),
  choices: count,
  other_units: z.record(z.string(), count),
  counts: z.record(z.string(), count).describe('Counted meters that the call increases when it succeeds.'),
  price_version: z.string(),
  worst_case_usd: usd.describe('Cost held for the call.'),
});

export const VERDICTS = [
  'ok',
  'limit_held',
  'limit_blocked',
  'limit_exceeded',
  'meter_disabled',
  'stopped',
] as const;

/** Why a request was admitted or refused, and its provider calls. */
export const requestReport = z
  .object({
    request_id: z.uuid(),
    account_id: z.uuid(),
    user_id: z.uuid().nullable(),
    key_id: z.uuid().nullable(),
    decision: z.object({
      verdict: z.enum(VERDICTS),
      explanation: z.string().describe('The verdict as a sentence.'),
      decided_at: instant,
      stop: z.string().nullable().describe('The emergency stop that refused it, such as `provider:openai`.'),
      asked: z.array(meterAmountWire).describe('The worst case, by meter.'),
      limits: z
        .array(
          limitWire.extend({
            binding: z
              .boolean()
              .describe('Whether this limit decided; for an admitted request, the tightest limit.'),
          }),
        )
        .describe('Each limit at the time of the decision.'),
    }),
    hold: z
      .object({
        state: z.enum(['open', 'closed', 'expired']),
        expires_at: instant,
        closed_at: instant.nullable(),
        remaining: z.array(meterAmountWire).describe('Amounts that are still held.'),
      })
      .nullable()
      .describe('Null for a refused request.'),
    call_plan: z
      .object({ kind: z.string(), calls: z.array(plannedCall) })
      .nullable()
      .describe('The planned provider calls.'),
    calls: z.array(z.object({ ...callFields, priced_units: z.array(pricedUnits) })),
    totals: z
      .object({ calls: count, tokens: tokenCounts, cost_usd: usd, cost_nano_usd: nanoUsd })
      .describe('Including corrections.'),
  })
  .meta({ id: 'RequestReport' });
export type RequestReport = z.infer<typeof requestReport>;

export const getUsage = defineOperation({
  operationId: 'getUsage',
  method: 'GET',
  path: '/api/subscription/usage',
  summary: 'Usage and limits of your account',
  description:
    'Every limit in its current window with used and held amounts, and the calls of the current period by provider and model.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  responses: {
    200: {
      description: 'Current usage.',
      schema: envelope(usageReport),
      example: { success: true, data: example.usageReport },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getUserUsage = defineOperation({
  operationId: 'getUserUsage',
  method: 'GET',
  path: '/api/subscription/usage/{user_id}',
  summary: 'Usage of one user',
  description:
    'Users see their own usage, owners and admins that of every user of the account, staff that of every user.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: z.object({ user_id: z.uuid() }),
  responses: {
    200: {
      description: 'Limits that apply to the user, and the calls the user made.',
      schema: envelope(usageReport),
      example: { success: true, data: { ...example.usageReport, user_id: example.userId } },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

/** Of usage by the end users of a partner. */
export const endUserFilter = z
  .string()
  .max(128)
  .optional()
  .describe('Calls of this end user, by the id that you gave in `POST /api/session-tokens`.');

const callFilters = {
  from: instant.optional().describe('Calls admitted at this time or later.'),
  to: instant.optional().describe('Calls admitted before this time.'),
  provider: z.string().max(100).optional().describe('A key of a provider, such as `openai`.'),
  model: z.string().max(200).optional().describe('As in the price list, without its provider.'),
  status: callStatus.optional(),
  user_id: z.uuid().optional().describe('Calls of this user.'),
  end_user: endUserFilter,
  key_id: z.uuid().optional().describe('Calls with this API key.'),
  workspace_id: z.uuid().optional().describe('Calls in this workspace.'),
};

export const listUsageRequests = defineOperation({
  operationId: 'listUsageRequests',
  method: 'GET',
  path: '/api/usage/requests',
  summary: 'Provider calls, newest first',
  description: 'Owners, admins and API keys see the whole account; members see their own calls.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  querystring: z.object({
    cursor: z.string().max(200).optional().describe('`next_cursor` of the previous page.'),
    limit: z.coerce.number().int().min(1).max(200).default(50).describe('The most entries of one page.'),
    ...callFilters,
  }),
  responses: {
    200: {
      description: 'One page.',
      schema: page(usageCall, z.string()).meta({ id: 'UsageCallPage' }),
      example: { data: [example.usageCall], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getUsageRequest = defineOperation({
  operationId: 'getUsageRequest',
  method: 'GET',
  path: '/api/usage/requests/{request_id}',
  summary: 'Explain one request',
  description:
    'Why it was admitted or refused, every limit at that time, and each provider call with its prices.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: z.object({ request_id: z.uuid().describe('The `x-request-id` of the response.') }),
  responses: {
    200: {
      description: 'The decision and the calls.',
      schema: requestReport,
      example: example.requestReport,
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

const exportDescription =
  'Newest first, as a stream without a limit. To continue a download that broke, remove its last line if that has no end, and repeat the request with the `cursor` of the last call you have: what follows begins with the next call, without column names, so that both parts together are the whole export. Byte ranges are not supported (`Accept-Ranges: none`): new calls come first. Owners, admins and API keys export the whole account; members their own calls.';
const exportQuery = z.object({
  cursor: z.string().max(200).optional().describe('The `cursor` of the last call that you have.'),
  ...callFilters,
});

export const exportUsageCsv = defineOperation({
  operationId: 'exportUsageCsv',
  method: 'GET',
  path: '/api/usage/export.csv',
  summary: 'Export provider calls as CSV',
  description: `${exportDescription} Values that a spreadsheet would run as a formula begin with an apostrophe.`,
  tags,
  auth: 'user',
  scope: 'usage:read',
  querystring: exportQuery,
  responses: {
    200: {
      description: 'One line for each call, after a line of column names, which is left out with a `cursor`.',
      contentType: 'text/csv',
      schema: z.string(),
      example: example.usageCsv,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const exportUsageNdjson = defineOperation({
  operationId: 'exportUsageNdjson',
  method: 'GET',
  path: '/api/usage/export.ndjson',
  summary: 'Export provider calls as JSON lines',
  description: exportDescription,
  tags,
  auth: 'user',
  scope: 'usage:read',
  querystring: exportQuery,
  responses: {
    200: {
      description: 'One `UsageCall` with its `cursor` in each line.',
      contentType: 'application/x-ndjson',
      schema: z.string(),
      example: `${JSON.stringify({ ...example.usageCall, cursor: example.usageCursor })}\n`,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const usageOperations = [
  getUsage,
  getUserUsage,
  listUsageRequests,
  getUsageRequest,
  exportUsageCsv,
  exportUsageNdjson,
] as const;
