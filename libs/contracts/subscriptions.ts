/** Changes of a subscription, and its history. */
import { z } from 'zod';
import { count, envelope, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { limitAmountWire, refusedLimitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { currentSubscription, cycle, planChanges } from './plans.ts';
import { currentSubscription as exampleSubscription } from './plans-examples.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import * as example from './subscriptions-examples.ts';

const tags = ['Plans'];
const planKey = z.string().min(1).max(100).describe('Key or alias of a plan.');

export const planChoice = z
  .strictObject({
    plan: planKey,
    cycle: cycle
      .optional()
      .describe(
        'The billing cycle. The default is the current one, or `month` for an account that pays nothing.',
      ),
  })
  .meta({ id: 'PlanChoice' });

const changed = {
  200: {
    description: 'The subscription after the change.',
    schema: envelope(currentSubscription),
    example: { success: true, data: exampleSubscription },
  },
} as const;

const CHANGE_PROBLEMS = [...USER_PROBLEMS, 'role_required'] as const;

const upgrade = {
  method: 'POST',
  summary: 'Upgrade to a higher plan',
  description:
    'The upgrade takes effect when it is paid: the response is 402 `payment_required` with a `payment_request`, and repeating the call returns the same one. A free plan takes effect at once. Also changes the same plan from a monthly to a yearly cycle. For owners, admins and API keys with the scope `*`.',
  tags,
  auth: 'user',
  headers: idempotencyHeaders,
  body: planChoice,
  bodyExample: { plan: 'pro', cycle: 'month' },
} as const;

const upgradeProblems = problemResponses(
  ...CHANGE_PROBLEMS,
  'payment_required',
  'not_found',
  'unknown_plan',
  'plan_change_not_allowed',
);

export const upgradeSubscription = defineOperation({
  ...upgrade,
  operationId: 'upgradeSubscription',
  path: '/api/subscription/upgrade',
  responses: { ...changed, ...upgradeProblems },
});

export const upgradePlan = defineOperation({
  ...upgrade,
  operationId: 'upgradePlan',
  path: '/api/plans/upgrade',
  responses: {
    200: { description: changed[200].description, schema: currentSubscription, example: exampleSubscription },
    ...upgradeProblems,
  },
});

export const downgradeSubscription = defineOperation({
  operationId: 'downgradeSubscription',
  method: 'POST',
  path: '/api/subscription/downgrade',
  headers: idempotencyHeaders,
  summary: 'Downgrade to a lower plan',
  description:
    'The downgrade takes effect when the paid period ends. Until then `POST /api/subscription/resume` withdraws it. Nothing is deleted: usage above a limit of the lower plan stays, and new work of that kind is refused. Also changes the same plan from a yearly to a monthly cycle.',
  tags,
  auth: 'user',
  body: planChoice,
  bodyExample: { plan: 'basic' },
  responses: {
    ...changed,
    ...problemResponses(...CHANGE_PROBLEMS, 'payment_required', 'unknown_plan', 'plan_change_not_allowed'),
  },
});

export const cancelSubscription = defineOperation({
  operationId: 'cancelSubscription',
  method: 'POST',
  path: '/api/subscription/cancel',
  headers: idempotencyHeaders,
  summary: 'Cancel at the end of the period',
  description:
    'The plan ends with its paid period, and the account returns to the default plan. An unpaid period ends at once.',
  tags,
  auth: 'user',
  responses: { ...changed, ...problemResponses(...CHANGE_PROBLEMS, 'plan_change_not_allowed') },
});

export const resumeSubscription = defineOperation({
  operationId: 'resumeSubscription',
  method: 'POST',
  path: '/api/subscription/resume',
  headers: idempotencyHeaders,
  summary: 'Withdraw a cancellation or a downgrade',
  description:
    'Withdraws the cancellation; a downgrade that was scheduled before it is due again. Without a cancellation, withdraws the downgrade.',
  tags,
  auth: 'user',
  responses: { ...changed, ...problemResponses(...CHANGE_PROBLEMS) },
});

export const changePreview = z
  .object({
    plan: z.string(),
    cycle,
    direction: z.enum(['upgrade', 'downgrade', 'same']),
    available: z.boolean().describe('Whether you can make the change now.'),
    unavailable_reason: z
      .enum(['already_on_plan', 'contact_sales', 'cycle_not_sold', 'cycle_too_short', 'same_rank'])
      .nullable(),
    effective: z
      .enum(['now', 'on_payment', 'period_end'])
      .nullable()
      .describe('When the change takes effect; null where it is not available.'),
    effective_at: instant.nullable().describe('Null where it depends on the payment.'),
    currency: z.literal('USD'),
    amount_due_now_minor: count.describe('The amount due now, in cents.'),
    recurring_minor: count.nullable().describe('The price of each later period, in cents.'),
    proration: z
      .object({
        period: z.object({ start: instant, end: instant }),
        period_seconds: count,
        remaining_seconds: count,
        charge_minor: count.describe('The price of the new plan for the rest of the period.'),
        credit_minor: count.describe('The unused part of the amount that is paid already.'),
      })
      .nullable()
      .describe('How the amount is computed for the rest of a paid period; null where no period is paid.'),
    changes: planChanges,
    over_limits: z
      .array(
        z.object({
          ...refusedLimitWire.omit({ asked: true, asked_usd: true, source: true }).shape,
          amount: limitAmountWire.describe('What the new plan allows.'),
          resets_before_change: z
            .boolean()
            .describe('Whether the usage resets before the change takes effect.'),
        }),
      )
      .describe('Current usage above a limit of the plan. It stays, and new work of that kind is refused.'),
  })
  .meta({ id: 'SubscriptionPreview' });
export type ChangePreview = z.infer<typeof changePreview>;

export const previewSubscription = defineOperation({
  operationId: 'previewSubscription',
  method: 'GET',
  path: '/api/subscription/preview',
  summary: 'Preview a plan change',
  description: 'Changes nothing.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  querystring: z.object(planChoice.shape),
  responses: {
    200: {
      description: 'The price, the gained and lost features, and usage that would exceed a limit.',
      schema: envelope(changePreview),
      example: { success: true, data: example.changePreview },
    },
    ...problemResponses(...USER_PROBLEMS, 'unknown_plan'),
  },
});

export const BILLING_EVENT_KINDS = [
  'trial_started',
  'trial_ends_in_3_days',
  'trial_ends_in_1_day',
  'trial_ended',
  'payment_requested',
  'payment_received',
  'payment_voided',
  'plan_changed',
  'change_scheduled',
  'cancellation_scheduled',
  'paused',
  'resumed',
  'renewed',
  'subscription_ended',
  'seats_changed',
  'payment_failed',
  'payment_action_required',
  'payment_reminder',
  'invoice_upcoming',
  'refunded',
  'dispute_opened',
  'dispute_closed',
  'duplicate_cancelled',
] as const;
export type BillingEventKind = (typeof BILLING_EVENT_KINDS)[number];

/** Unknown kinds are refused in filters. Events may gain kinds, so answers have any. */
export const billingEventKind = z.enum(BILLING_EVENT_KINDS);

export const billingEvent = z
  .object({
    id: z.uuid(),
    account_id: z.uuid(),
    kind: z.string().describe(`Such as ${BILLING_EVENT_KINDS.map((kind) => `\`${kind}\``).join(', ')}.`),
    subject: z
      .string()
      .describe('The object of the event, such as the id of a trial or of a payment request.'),
    occurred_at: instant,
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  })
  .meta({ id: 'BillingEvent' });
export type BillingEventWire = z.infer<typeof billingEvent>;

export const billingEventPage = page(billingEvent).meta({ id: 'BillingEventPage' });

export const listSubscriptionEvents = defineOperation({
  operationId: 'listSubscriptionEvents',
  method: 'GET',
  path: '/api/subscription/events',
  summary: 'The history of your subscription',
  description: 'Newest first. Each event is recorded once.',
  tags,
  auth: 'user',
  scope: 'billing:read',
  querystring: pageQuery.extend({ kind: billingEventKind.optional(), ...timeRange }),
  responses: {
    200: {
      description: 'One page of events.',
      schema: page(billingEvent)
        .extend({ success: z.literal(true) })
        .meta({ id: 'SubscriptionEventPage' }),
      example: { success: true, data: [example.billingEvent], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const subscriptionOperations = [
  upgradePlan,
  upgradeSubscription,
  downgradeSubscription,
  cancelSubscription,
  resumeSubscription,
  previewSubscription,
  listSubscriptionEvents,
] as const;
