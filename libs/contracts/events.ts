/** Usage that customers report: what they did themselves, and what others did for them. */
import { z } from 'zod';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const MAX_EVENTS = 500;
/** Older events are refused. */
export const MAX_EVENT_AGE_DAYS = 90;

export const usageEvent = z
  .strictObject({
    id: z
      .string()
      .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII characters')
      .describe('Your own id. An event is recorded once, however often it is sent.'),
    meter: z
      .string()
      .min(1)
      .max(100)
      .describe(
        'Any meter of the catalogue, such as `gen.video`, `cost` or `kb.files`, except `requests.parallel`.',
      ),
    amount: z
      .string()
      .regex(/^-?[1-9]\d{0,14}$/, 'must be a whole number other than 0, of at most 15 digits')
      .describe(
        'In the unit of the meter: nano-USD for `cost`. For meters that count what exists, such as `kb.files` or `team.members`, the change: how many were added, negative for removed. All changes that you report of such a meter together are never less than 0. For other meters negative only in a correction.',
      ),
    occurred_at: z.iso
      .datetime({ offset: true })
      .optional()
      .describe(
        'Now unless given. The event counts in the windows of this time, also in those that have ended. A correction counts when the event occurred that it corrects.',
      ),
    corrects: z
      .string()
      .max(100)
      .optional()
      .describe(
        'The id of the event that this one corrects. Both together never count less than 0. Endpoints for webhooks receive `usage.corrected`.',
      ),
  })
  .meta({ id: 'UsageEvent' });
export type UsageEventBody = z.output<typeof usageEvent>;

export const EVENT_ERRORS = [
  'id_reused',
  'unknown_meter',
  'in_future',
  'too_old',
  'negative_amount',
  'unknown_event',
  'not_correctable',
  'exceeds_recorded',
] as const;

export const eventResult = z
  .object({
    id: z.string(),
    status: z
      .enum(['recorded', 'repeated', 'refused'])
      .describe('`repeated`: it was recorded before, so that nothing changed.'),
    error: z
      .object({ code: z.enum(EVENT_ERRORS), detail: z.string() })
      .nullable()
      .describe('Why it was refused. The others of the batch are not affected.'),
  })
  .meta({ id: 'UsageEventResult' });
export type EventResult = z.infer<typeof eventResult>;

export const reportEvents = defineOperation({
  operationId: 'reportEvents',
  method: 'POST',
  path: '/api/events',
  summary: 'Report usage',
  description: `Records what has happened, so limits do not refuse it; they count it, and later requests meet them. Events of the last ${MAX_EVENT_AGE_DAYS} days are accepted, in any order. Ids are remembered for longer. An API key needs the scope \`usage:write\`; users must be owners or admins.`,
  tags: ['Metering'],
  auth: 'user',
  scope: 'usage:write',
  headers: idempotencyHeaders,
  body: z.strictObject({ events: z.array(usageEvent).min(1).max(MAX_EVENTS) }),
  bodyExample: {
    events: [
      { id: 'render-1842', meter: 'gen.video', amount: '1', occurred_at: '2026-11-20T11:58:00Z' },
      { id: 'render-1842-undo', meter: 'gen.video', amount: '-1', corrects: 'render-1842' },
    ],
  },
  responses: {
    200: {
      description: 'One result for each event, in order.',
      schema: z.object({ results: z.array(eventResult) }),
      example: {
        results: [
          { id: 'render-1842', status: 'recorded', error: null },
          { id: 'render-1842-undo', status: 'recorded', error: null },
        ],
      },
    },
    ...problemResponses(
      ...USER_PROBLEMS,
      'role_required',
      'body_too_large',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const eventOperations = [reportEvents] as const;
