/** The events that accounts can receive at an address of theirs, by Standard Webhooks. */
import { z } from 'zod';
import { PAUSE_REASONS } from './autopilot-kinds.ts';
import { count, instant, nanoUsd } from './envelope.ts';
import { exampleReachedLimit, reachedLimitWire } from './limits.ts';
import { OUTCOME_GOALS, OUTCOME_STATUSES } from './outcome-kinds.ts';

export type WebhookEvent = {
  readonly summary: string;
  /** Of `data`. May gain fields. */
  readonly data: z.ZodObject;
  readonly example: Readonly<Record<string, unknown>>;
};

const GENERATION_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d60';

const generation = {
  generation_id: z.uuid(),
  status: z.string().describe('As in `GET /api/generations/{id}`.'),
  error: z.looseObject({ code: z.string() }).optional(),
};
const autopilotFields = {
  autopilot_id: z.uuid(),
  problem: z.looseObject({ code: z.string() }).optional().describe('Why the last run did not complete.'),
};
const autopilotExample = { autopilot_id: GENERATION_ID };
const parts = z.record(z.string(), z.string()).optional().describe('The status of each content type.');
const money = { amount_minor: z.int(), currency: z.string() };
const invoice = { invoice: z.string(), ...money };
const openInvoice = {
  ...invoice,
  url: z.string().nullable().describe('The page on which it can be paid.'),
  next_attempt_at: instant.nullable(),
};
const openInvoiceExample = {
  invoice: 'in_1P',
  amount_minor: 7900,
  currency: 'USD',
  url: 'https://invoice.stripe.com/i/acct_1/test',
  next_attempt_at: '2026-11-23T12:00:00.000Z',
};
const outcome = {
  agreement_id: z.uuid().describe('As in `GET /api/billing/outcomes/{id}`.'),
  goal: z.enum(OUTCOME_GOALS),
  achieved_percent: count,
};
const outcomeExample = { agreement_id: GENERATION_ID, goal: 'lead_generation', achieved_percent: 78 };
const generationExample = { generation_id: GENERATION_ID, status: 'completed' };

/** By the type of the event, in the order of the document. */
export const WEBHOOK_EVENTS = {
  'usage.threshold': {
    summary: 'A limit has reached 80, 90, 95 or 100 % of its amount',
    data: z.looseObject({
      threshold_percentage: z.number(),
      limit: reachedLimitWire,
      request_id: z
        .string()
        .nullable()
        .describe('The request that reached it; null after a change of the limit.'),
    }),
    example: {
      threshold_percentage: 80,
      limit: exampleReachedLimit,
      request_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
    },
  },
  'usage.anomaly': {
    summary: 'An hour has cost far more than is usual',
    data: z.looseObject({
      hour: instant,
      cost_nano_usd: nanoUsd,
      median_nano_usd: nanoUsd,
      score: z.number().describe('Robust z-score.'),
      calls: count,
    }),
    example: {
      hour: '2026-11-20T12:00:00.000Z',
      cost_nano_usd: '900000000',
      median_nano_usd: '20000000',
      score: 12.4,
      calls: 410,
    },
  },
  'usage.corrected': {
    summary: 'Usage that was recorded before has been corrected',
    data: z.looseObject({
      source: z
        .enum(['event', 'provider'])
        .describe(
          '`event`: by an event that you reported. `provider`: the outcome of a call was unknown, and now its provider says what it used.',
        ),
      corrections: z.array(
        z.looseObject({
          id: z.string().nullable().describe('Of the event that corrects; null for a call.'),
          corrects: z.string().describe('The id of the event, or `<request id>.<call index>`.'),
          meter: z.string(),
          amount: z.string().describe('The difference, in the unit of the meter; nano-USD for `cost`.'),
          occurred_at: instant.describe('When the difference counts.'),
        }),
      ),
    }),
    example: {
      source: 'event',
      corrections: [
        {
          id: 'render-1842-undo',
          corrects: 'render-1842',
          meter: 'gen.video',
          amount: '-1',
          occurred_at: '2026-11-20T11:58:00.000Z',
        },
      ],
    },
  },
  'generation.created': {
    summary: 'A job has been created',
    data: z.looseObject(generation),
    example: { ...generationExample, status: 'queued' },
  },
  'generation.step_finished': {
    summary: 'A step of a job has ended',
    data: z.looseObject({ ...generation, step: z.string(), step_status: z.enum(['succeeded', 'failed']) }),
    example: { ...generationExample, status: 'running', step: 'research', step_status: 'succeeded' },
  },
  'generation.needs_approval': {
    summary: 'A job waits for an approval',
    data: z.looseObject(generation),
    example: { ...generationExample, status: 'needs_approval' },
  },
  'generation.completed': {
    summary: 'A job has ended with all its content',
    data: z.looseObject({ ...generation, parts }),
    example: { ...generationExample, parts: { blog: 'completed' } },
  },
  'generation.failed': {
    summary: 'A job has failed',
    data: z.looseObject({ ...generation, parts }),
    example: { ...generationExample, status: 'failed', error: { code: 'provider_error' } },
  },
  'generation.cancelled': {
    summary: 'A job was cancelled',
    data: z.looseObject(generation),
    example: { ...generationExample, status: 'cancelled' },
  },
  'autopilot.run_finished': {
    summary: 'A run of an autopilot has ended',
    data: z.looseObject({
      ...autopilotFields,
      run_id: z.uuid(),
      status: z.enum(['completed', 'failed', 'refused']),
      generation_id: z.uuid().nullable(),
      posts: z.array(z.looseObject({ network: z.string(), post_id: z.uuid().nullable() })),
    }),
    example: {
      ...autopilotExample,
      run_id: GENERATION_ID,
      status: 'completed',
      generation_id: GENERATION_ID,
      posts: [{ network: 'linkedin', post_id: GENERATION_ID }],
    },
  },
  'autopilot.paused': {
    summary: 'An autopilot was paused because it cannot run',
    data: z.looseObject({ ...autopilotFields, name: z.string(), reason: z.enum(PAUSE_REASONS) }),
    example: { ...autopilotExample, name: 'Pen of the week', reason: 'repeated_failures' },
  },
  'inbox.message_drafted': {
    summary: 'Replies to a message of the inbox have been drafted, or could not be',
    data: z.looseObject({ message_id: z.uuid(), generation_id: z.uuid(), status: z.string() }),
    example: { message_id: GENERATION_ID, generation_id: GENERATION_ID, status: 'completed' },
  },
  'subscription.changed': {
    summary: 'The account is on another plan',
    data: z.looseObject({ from: z.string(), to: z.string(), reason: z.string() }),
    example: { from: 'free', to: 'pro', reason: 'upgrade', event: 'plan_changed' },
  },
  'subscription.ended': {
    summary: 'The subscription has ended',
    data: z.looseObject({ plan: z.string(), next_plan: z.string(), reason: z.string() }),
    example: { plan: 'pro', next_plan: 'free', reason: 'cancelled', event: 'subscription_ended' },
  },
  'trial.ending': {
    summary: 'A trial ends soon',
    data: z.looseObject({ plan: z.string(), ends_at: instant, trial_id: z.uuid(), days_before: count }),
    example: { plan: 'pro', ends_at: '2026-12-04T12:00:00.000Z', trial_id: GENERATION_ID, days_before: 3 },
  },
  'payment.requested': {
    summary: 'A payment is requested',
    data: z.looseObject({ id: z.uuid(), plan: z.string(), status: z.string(), ...money }),
    example: { id: GENERATION_ID, plan: 'pro', status: 'open', amount_minor: 7900, currency: 'USD' },
  },
  'payment.reminder': {
    summary: 'A payment is still open, and access ends soon',
    data: z.looseObject({ plan: z.string(), access_ends_at: instant }),
    example: { plan: 'pro', access_ends_at: '2026-11-27T12:00:00.000Z', event: 'payment_reminder' },
  },
  'payment.succeeded': {
    summary: 'A payment has arrived',
    data: z.looseObject(invoice),
    example: { invoice: 'in_1P', amount_minor: 7900, currency: 'USD', event: 'payment_received' },
  },
  'payment.failed': {
    summary: 'A payment was declined',
    data: z.looseObject(openInvoice),
    example: { ...openInvoiceExample, event: 'payment_failed' },
  },
  'payment.action_required': {
    summary: 'A payment needs a confirmation by the customer',
    data: z.looseObject(openInvoice),
    example: { ...openInvoiceExample, event: 'payment_action_required' },
  },
  'payment.refunded': {
    summary: 'A payment was refunded',
    data: z.looseObject({ refund: z.string(), ...money }),
    example: { refund: 're_1P', amount_minor: 7900, currency: 'USD', event: 'refunded' },
  },
  'outcome.milestone_reached': {
    summary: 'A goal has reached 25, 50, 75 or 100 % of its target',
    data: z.looseObject({
      ...outcome,
      milestone: count,
      reached_at: instant.describe('When the figure was measured.'),
    }),
    example: { ...outcomeExample, milestone: 75, reached_at: '2026-11-20T00:00:00.000Z' },
  },
  'outcome.settled': {
    summary: 'What is payable for a goal is decided',
    data: z.looseObject({ ...outcome, status: z.enum(OUTCOME_STATUSES), ...money }),
    example: { ...outcomeExample, status: 'due', amount_minor: 90_000, currency: 'USD' },
  },
  'invoice.upcoming': {
    summary: 'An invoice will be made soon',
    data: z.looseObject({ subscription: z.string(), period_end: instant }),
    example: { subscription: 'sub_1P', period_end: '2026-12-01T00:00:00.000Z', event: 'invoice_upcoming' },
  },
  'webhook.disabled': {
    summary: 'Another endpoint of the account was disabled',
    data: z.looseObject({
      endpoint_id: z.uuid(),
      url: z.string(),
      failing_since: instant,
      reason: z.enum(['failing', 'gone']),
    }),
    example: {
      endpoint_id: GENERATION_ID,
      url: 'https://hooks.example.com/inkmeter',
      failing_since: '2026-11-15T12:00:00.000Z',
      reason: 'failing',
    },
  },
  'webhook.test': {
    summary: 'A test, sent on request to one endpoint',
    data: z.looseObject({ endpoint_id: z.uuid() }),
    example: { endpoint_id: GENERATION_ID },
  },
} as const satisfies Record<string, WebhookEvent>;

export type WebhookEventType = keyof typeof WEBHOOK_EVENTS;

export const WEBHOOK_EVENT_TYPES = Object.keys(WEBHOOK_EVENTS) as [WebhookEventType, ...WebhookEventType[]];

export const isWebhookEvent = (type: string): type is WebhookEventType => Object.hasOwn(WEBHOOK_EVENTS, type);

const EVENT_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d61';
export const EXAMPLE_ACCOUNT = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2f';

/** The body of a request to an endpoint. */
export const webhookMessage = <Data extends z.ZodType>(type: string, data: Data) =>
  z.object({
    type: z.literal(type),
    timestamp: instant.describe('When it happened.'),
    id: z.uuid().describe('Of the event: the same at each endpoint that receives it.'),
    account_id: z.uuid(),
    data,
  });

export const exampleMessage = (type: WebhookEventType) => ({
  type,
  timestamp: '2026-11-20T12:00:00.000Z',
  id: EVENT_ID,
  account_id: EXAMPLE_ACCOUNT,
  data: WEBHOOK_EVENTS[type].example,
});
