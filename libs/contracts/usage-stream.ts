/** `GET /api/usage/stream`: an account's usage as it changes. */
import { z } from 'zod';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';
import { alertWire } from './alerts.ts';
import * as alertExample from './alerts-examples.ts';
import { exampleLimit, limitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import type { StreamEvent } from './stream-events.ts';

const limits = z.object({ limits: z.array(limitWire) });
const state = z.object({ limit: limitWire, previous: z.enum(LIMIT_STATES) });
const stop = z.object({
  stop: z
    .string()
    .describe('What is stopped: `global`, or a kind and its target, such as `model:openai/gpt-5`.'),
  public_reason: z.string().nullable(),
  expected_until: z.iso.datetime().nullable().describe('When staff expect to lift it.'),
});
export type StopWire = z.infer<typeof stop>;
export const END_REASONS = ['credential', 'shutdown'] as const;
export type EndReason = (typeof END_REASONS)[number];

const EVENTS: readonly StreamEvent[] = [
  {
    name: 'limits',
    description: 'First every limit of the caller, then those that changed.',
    data: limits,
  },
  { name: 'state', description: 'A limit is in another state.', data: state },
  {
    name: 'alert',
    description: 'A new alert, under its id: send it as `Last-Event-ID` to receive those after it.',
    data: alertWire,
  },
  {
    name: 'stops',
    description:
      'The emergency stops that concern the caller, at first if there are some, and whenever they change.',
    data: z.object({ stops: z.array(stop) }),
  },
  {
    name: 'end',
    description:
      'The stream ends: `credential` when it has expired, was revoked or has other rights; `shutdown` when the client should connect again.',
    data: z.object({ reason: z.enum(END_REASONS) }),
  },
];

const line = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

export const streamUsage = defineOperation({
  operationId: 'streamUsage',
  method: 'GET',
  path: '/api/usage/stream',
  summary: 'Follow usage as it changes',
  description:
    'Server-sent events: limits about once a second while calls settle, their states, alerts, and emergency stops. Comments keep the connection open. An account may have 100 streams at the same time.',
  tags: ['Usage'],
  auth: 'user',
  scope: 'usage:read',
  isLive: true,
  headers: z.object({
    'last-event-id': z.uuid().optional().describe('The last alert received; newer ones follow, at most 100.'),
  }),
  responses: {
    200: {
      description: 'The events.',
      contentType: 'text/event-stream',
      schema: z.string(),
      events: EVENTS,
      example: `${line('limits', { limits: [exampleLimit] })}id: ${alertExample.alert.id}\n${line('alert', alertExample.alert)}`,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const usageStreamOperations = [streamUsage] as const;
