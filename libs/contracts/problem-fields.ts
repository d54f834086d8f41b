/**
 * The fields that each problem code has in addition to those of every problem. Tests compare every problem that a
 * service sends with this table.
 */
import { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import type { ProblemFields } from '#libs/problems/problems.ts';
import {
  exampleDisabledLimit,
  exampleParallelLimit,
  exampleRefusedLimit,
  refusedLimitWire,
} from './limits.ts';
import { examplePaymentRequest, paymentRequestSummary } from './payment-requests.ts';
import { suggestedPlan, URGENCIES } from './requirements.ts';

const param = z.string().optional().describe('The parameter that was refused.');
const plan = z.string().describe('The plan of the account.');
const names = z.array(z.string());
const reason = z.string().describe('Stable; why the request was refused.');

const suggestedPlans = z
  .array(suggestedPlan)
  .optional()
  .describe('Higher plans with which the request would be served, smallest first.');

/** What a refusal by the plan's entitlements has. A request that lacks several names what it lacks of each. */
const missingEntitlement = {
  plan,
  reason,
  feature: z.string().optional(),
  model: z.string().optional(),
  available_models: names.optional(),
  content_type: z.string().optional(),
  available_content_types: names.optional(),
  quality: z.string().optional(),
  available_qualities: names.optional(),
  available_presets: names.optional(),
  platform: z.string().optional(),
  available_platforms: names.optional(),
  source: z.string().optional().describe('What withholds it, such as `plan:free`.'),
  suggested_plans: suggestedPlans,
  fallback_options: z
    .array(z.record(z.string(), z.unknown()))
    .optional()
    .describe('Changes to the body, each of which the plan allows; null removes a field. The nearest first.'),
};

/** What a refusal by a limit has. */
const refusedByLimit = {
  plan,
  reason: reason.optional(),
  limit: refusedLimitWire.optional(),
  suggested_plans: suggestedPlans,
  urgency: z.enum(URGENCIES).optional().describe('How soon the account needs more.'),
};

const exampleSuggestion = {
  key: 'pro',
  name: 'Pro',
  rank: 20,
  price: { currency: 'USD', monthly_minor: 7900, yearly_minor: 79_000 },
};
const exampleLimitFields = {
  plan: 'basic',
  limit: exampleRefusedLimit,
  suggested_plans: [
    { ...exampleSuggestion, amount: { kind: 'limited', value: '50000000000', value_usd: '50.000000000' } },
  ],
  urgency: 'high',
};

/** What a failed provider call has. */
const failedCall = {
  provider: z.string().optional(),
  provider_status: z.int().optional().describe('HTTP status of its response.'),
  retryable: z.boolean().optional().describe('Whether the same request may succeed later.'),
  param,
  cost_usd: z.string().optional().describe('What the request was charged, in USD with nine decimals.'),
  tokens: z.int().optional().describe('Tokens that the request was charged for.'),
};
const exampleFailedCall = {
  provider: 'openai',
  provider_status: 500,
  retryable: true,
  cost_usd: '0.000000000',
  tokens: 0,
};

type ProblemFieldsContract = {
  readonly fields: z.core.$ZodShape;
  readonly example: ProblemFields;
};

export const PROBLEM_FIELDS: Readonly<Partial<Record<ProblemCode, ProblemFieldsContract>>> = {
  invalid_request: {
    fields: {
      ...failedCall,
      errors: z
        .array(
          z.object({
            in: z.enum(['body', 'query', 'path', 'headers']),
            pointer: z.string().describe('JSON pointer into that part.'),
            detail: z.string(),
          }),
        )
        .optional()
        .describe('The first 20 errors.'),
      available_presets: names.optional(),
      available_capabilities: names.optional(),
    },
    example: {
      param: 'max_tokens',
      errors: [{ in: 'body', pointer: '/max_tokens', detail: 'must be greater than 0' }],
    },
  },
  unsupported_parameter: {
    fields: {
      ...failedCall,
      model: z.string().optional(),
      available_sizes: names.optional(),
      available_qualities: names.optional(),
    },
    example: { param: 'logprobs', model: 'claude-haiku-4-5' },
  },
  body_too_large: {
    fields: { limit_bytes: z.int().optional().describe('The largest body that the route accepts.') },
    example: { limit_bytes: 2_097_152 },
  },
  method_not_allowed: { fields: { allowed: names }, example: { allowed: ['GET'] } },
  insufficient_scope: {
    fields: {
      required_scope: z.string().optional().describe('The scope that the operation needs.'),
      scopes: names.optional().describe('The scopes of the key.'),
    },
    example: { required_scope: 'generate', scopes: ['usage:read'] },
  },
  role_required: {
    fields: {
      required_roles: names.optional().describe('One of these roles is enough.'),
      role: z.string().nullable().optional().describe('The role of the caller.'),
    },
    example: { required_roles: ['owner', 'admin'], role: 'member' },
  },
  platform_role_required: { fields: { required_roles: names }, example: { required_roles: ['admin'] } },
  account_suspended: {
    fields: { plan: plan.optional(), reason: reason.optional() },
    example: { plan: 'pro', reason: 'subscription_suspended' },
  },
  payment_required: {
    fields: {
      payment_request: paymentRequestSummary.optional().describe('What to pay, for a purchase.'),
      checkout_url: z.string().nullable().optional().describe('The page on which to pay.'),
      plan: plan.optional(),
      reason: reason
        .optional()
        .describe('`payment_overdue`: the grace period of the last payment has ended.'),
    },
    example: { payment_request: examplePaymentRequest },
  },
  feature_not_in_plan: {
    fields: { ...missingEntitlement, feature: z.string() },
    example: {
      plan: 'free',
      reason: 'feature_restricted',
      feature: 'api_access',
      suggested_plans: [exampleSuggestion],
      fallback_options: [],
    },
  },
  model_not_in_plan: {
    fields: {
      ...missingEntitlement,
      reason: reason.optional(),
    },
    example: {
      plan: 'free',
      reason: 'model_restricted',
      model: 'gpt-5',
      available_models: ['gpt-4o-mini'],
      suggested_plans: [exampleSuggestion],
      fallback_options: [{ model: 'gpt-4o-mini' }],
    },
  },
  content_type_not_in_plan: {
    fields: {
      ...missingEntitlement,
      content_type: z.string(),
      available_content_types: names,
    },
    example: {
      plan: 'free',
      reason: 'content_type_restricted',
      content_type: 'social',
      available_content_types: ['blog'],
      suggested_plans: [exampleSuggestion],
      fallback_options: [{ content_types: ['blog'] }],
    },
  },
  quality_not_in_plan: {
    fields: {
      ...missingEntitlement,
      quality: z.string(),
      available_qualities: names,
      available_presets: names,
    },
    example: {
      plan: 'free',
      reason: 'quality_restricted',
      quality: 'hd',
      available_qualities: ['standard'],
      available_presets: ['draft', 'standard'],
      suggested_plans: [exampleSuggestion],
      fallback_options: [{ quality_preset: 'standard' }],
    },
  },
  platform_not_in_plan: {
    fields: { ...missingEntitlement, platform: z.string(), available_platforms: names },
    example: {
      plan: 'free',
      reason: 'platform_restricted',
      platform: 'linkedin',
      available_platforms: ['instagram'],
      suggested_plans: [exampleSuggestion],
      fallback_options: [{ platform: 'instagram' }],
    },
  },
  meter_disabled: {
    fields: refusedByLimit,
    example: {
      plan: 'free',
      limit: exampleDisabledLimit,
      suggested_plans: [{ ...exampleSuggestion, amount: { kind: 'limited', value: '100' } }],
      urgency: 'low',
    },
  },
  limit_exceeded: { fields: refusedByLimit, example: exampleLimitFields },
  limit_blocked: { fields: refusedByLimit, example: exampleLimitFields },
  limit_held: { fields: refusedByLimit, example: exampleLimitFields },
  parallel_limit: {
    fields: refusedByLimit,
    example: {
      plan: 'basic',
      limit: exampleParallelLimit,
      suggested_plans: [{ ...exampleSuggestion, amount: { kind: 'limited', value: '50' } }],
      urgency: 'low',
    },
  },
  rate_limited: {
    fields: {
      policy: z.string().optional().describe('The rate limit, as in the header `ratelimit-policy`.'),
      max_requests: z
        .int()
        .optional()
        .describe('Requests in the window; without a window, at the same time.'),
      window_seconds: z.number().optional(),
      plan: plan.optional(),
    },
    example: { policy: 'caller', max_requests: 600, window_seconds: 60 },
  },
  emergency_stop: {
    fields: {
      stop: z
        .string()
        .nullable()
        .optional()
        .describe('What is stopped: `global`, or a kind and its target, such as `model:openai/gpt-5`.'),
      public_reason: z.string().nullable().optional().describe('Why, if staff say so.'),
      expected_until: z.iso
        .datetime()
        .nullable()
        .optional()
        .describe(
          'When staff expect to lift the stop; null if they do not say. `Retry-After` is the time until then.',
        ),
    },
    example: {
      stop: 'provider:openai',
      public_reason: 'OpenAI has problems. Models of other providers work.',
      expected_until: '2026-11-20T14:00:00.000Z',
    },
  },
  url_not_read: { fields: { param }, example: { param: 'messages.0.content.1' } },
  not_found: { fields: { param, connection_id: z.uuid().optional() }, example: {} },
  unknown_model: { fields: { model: z.string() }, example: { model: 'gpt-9' } },
  unpriced_model: { fields: { model: z.string() }, example: { model: 'gpt-9' } },
  unknown_plan: {
    fields: { plan: z.string().describe('The unknown name.'), available_plans: names },
    example: { plan: 'gold', available_plans: ['free', 'basic', 'pro', 'enterprise'] },
  },
  prompt_refused: {
    fields: { categories: names.describe('What it is flagged for, as the moderation names it.') },
    example: { categories: ['violence'] },
  },
  conflict: {
    fields: {
      param,
      reason: reason.optional(),
      state: z.string().optional().describe('The state of the object, such as `published` or `paid`.'),
      platform: z.string().optional(),
      handle: z.string().optional(),
    },
    example: { state: 'published' },
  },
  plan_change_not_allowed: {
    fields: { reason, plan: z.string().optional().describe('The requested plan.') },
    example: { reason: 'not_a_higher_rank', plan: 'basic' },
  },
  trial_not_available: {
    fields: { reason, plan: z.string().describe('The requested plan.') },
    example: { reason: 'trial_used', plan: 'pro' },
  },
  semantic_error: {
    fields: {
      param,
      meter: z.string().optional(),
      window: z.string().optional(),
      known_plans: names.optional(),
      known_features: names.optional(),
      allowed_origins: names.optional().describe('Origins to which a payment page may return.'),
      available_minor: z.int().optional().describe('The most that can be paid back, in minor units.'),
      issues: z
        .array(z.object({ line: z.int(), path: z.string(), message: z.string() }))
        .optional()
        .describe('The errors of a catalogue file.'),
    },
    example: { param: 'expires_at' },
  },
  provider_refused: {
    fields: failedCall,
    example: { ...exampleFailedCall, provider_status: 400, retryable: false },
  },
  provider_error: { fields: failedCall, example: exampleFailedCall },
  provider_malformed: { fields: failedCall, example: exampleFailedCall },
  provider_timeout: { fields: failedCall, example: exampleFailedCall },
};
