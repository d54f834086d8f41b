/** Alerts of an account, and how each user wants to be notified of them. */
import { z } from 'zod';
import { ACCOUNT_ALERT_KINDS, type ALERT_CHANNELS, ALERT_KINDS, ALERT_SEVERITIES } from './alert-kinds.ts';
import * as example from './alerts-examples.ts';
import { isTimeZone } from './cron.ts';
import { count, envelope, instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS, USER_PROBLEMS } from './problem-responses.ts';
import { suggestedPlan, URGENCIES } from './requirements.ts';

const tags = ['Alerts'];

export const alertWire = z
  .object({
    id: z.uuid(),
    kind: z.enum(ALERT_KINDS),
    type: z.string().describe('The type of the event, as in webhooks: `usage.threshold`.'),
    severity: z.enum(ALERT_SEVERITIES),
    title: z.string(),
    message: z.string(),
    recommendation: z.string().nullable(),
    upgrade: z
      .object({ urgency: z.enum(URGENCIES), suggested_plans: z.array(suggestedPlan) })
      .nullable()
      .describe('The plans that lift the limit, the smallest first; null if none does.'),
    data: z.record(z.string(), z.unknown()).describe('The payload of the event, as in webhooks.'),
    account_id: z.uuid().nullable().describe('Null for an alert about the whole installation.'),
    user_id: z.uuid().nullable().describe('The only user it concerns; null for the whole account.'),
    created_at: instant,
    read_at: instant.nullable().describe('When this user marked it as read.'),
  })
  .meta({ id: 'Alert' });
export type AlertWire = z.infer<typeof alertWire>;

const kindSwitches = z.object(
  Object.fromEntries(ACCOUNT_ALERT_KINDS.map((kind) => [kind, z.boolean().default(true)])) as Record<
    (typeof ACCOUNT_ALERT_KINDS)[number],
    z.ZodDefault<z.ZodBoolean>
  >,
);
const channelSwitches = z
  .object({ email: kindSwitches, slack: kindSwitches } satisfies Record<
    (typeof ALERT_CHANNELS)[number],
    typeof kindSwitches
  >)
  .describe('For each channel, the kinds of alerts that it receives.');

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 22:00');

const quietHours = z
  .object({
    from: timeOfDay,
    until: timeOfDay.describe('May be earlier than `from`: the hours then end on the next day.'),
    time_zone: z
      .string()
      .max(60)
      .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
      .describe('A name of the IANA database, such as `Europe/Berlin`.'),
  })
  .describe(
    'Alerts of the severities `info` and `warning` are delivered after these hours. The list shows them at once.',
  );

export const alertPreferences = z
  .object({
    channels: channelSwitches,
    quiet_hours: quietHours.nullable(),
    slack_url: z
      .string()
      .nullable()
      .describe('The address that receives messages in the format of Slack, without its secret part.'),
    updated_at: instant.nullable().describe('When they were changed last; null for the defaults.'),
  })
  .meta({ id: 'AlertPreferences' });
export type AlertPreferencesWire = z.infer<typeof alertPreferences>;

const userParams = z.object({ user_id: z.uuid() });

export const listAlerts = defineOperation({
  operationId: 'listAlerts',
  method: 'GET',
  path: '/api/subscription/alerts/{user_id}',
  summary: 'Alerts of a user, newest first',
  description:
    'Owners and admins see all alerts of the account, members those about usage. Users see their own list, owners and admins that of every user of the account, staff that of every user.',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: userParams,
  querystring: z.object({
    unread_only: z
      .stringbool({ truthy: ['true'], falsy: ['false'] })
      .default(false)
      .describe('Leaves out alerts that the user has marked as read.'),
    limit: z.coerce.number().int().min(1).max(100).default(50),
  }),
  responses: {
    200: {
      description: 'The newest alerts, and the counts of all.',
      schema: envelope(z.object({ alerts: z.array(alertWire), total: count, unread_count: count })),
      example: { success: true, data: { alerts: [example.alert], total: 1, unread_count: 1 } },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const markAlertRead = defineOperation({
  operationId: 'markAlertRead',
  method: 'POST',
  path: '/api/subscription/alerts/{alert_id}/mark-read',
  summary: 'Mark an alert as read',
  description: 'For the user or key that calls; other users of the account still see it as unread.',
  tags,
  auth: 'user',
  params: z.object({ alert_id: z.uuid() }),
  responses: {
    200: {
      description: 'The alert. Marking it again changes nothing.',
      schema: envelope(alertWire),
      example: { success: true, data: { ...example.alert, read_at: '2026-11-20T12:05:00.000Z' } },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const getAlertPreferences = defineOperation({
  operationId: 'getAlertPreferences',
  method: 'GET',
  path: '/api/subscription/alert-preferences/{user_id}',
  summary: 'How a user is notified of alerts',
  tags,
  auth: 'user',
  scope: 'usage:read',
  params: userParams,
  responses: {
    200: {
      description: 'The preferences; the defaults unless they were changed.',
      schema: envelope(alertPreferences),
      example: { success: true, data: example.preferences },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const setAlertPreferences = defineOperation({
  operationId: 'setAlertPreferences',
  method: 'PUT',
  path: '/api/subscription/alert-preferences/{user_id}',
  summary: 'Change how you are notified of alerts',
  description: 'Replaces the channels and the quiet hours. Without `slack_url` the address stays as it is.',
  tags,
  auth: 'user',
  params: userParams,
  body: z.strictObject({
    channels: channelSwitches,
    quiet_hours: quietHours.nullable(),
    slack_url: z
      .url({ protocol: /^https$/ })
      .max(500)
      .nullable()
      .optional()
      .describe('An incoming webhook of Slack, or of a tool that accepts its format. Null removes it.'),
  }),
  bodyExample: {
    ...example.changeablePreferences,
    slack_url: 'https://hooks.slack.com/services/T000/B000/XXXX',
  },
  responses: {
    200: {
      description: 'The preferences.',
      schema: envelope(alertPreferences),
      example: { success: true, data: example.preferences },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const listOperatorAlerts = defineOperation({
  operationId: 'listOperatorAlerts',
  method: 'GET',
  path: '/api/admin/alerts',
  summary: 'Alerts for operators, newest first',
  description: 'Failing providers, critical errors, and unusual costs of the whole installation.',
  tags: ['Admin'],
  auth: 'staff',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page.',
      schema: page(alertWire).meta({ id: 'AlertPage' }),
      example: { data: [example.operatorAlert], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const alertOperations = [
  listAlerts,
  markAlertRead,
  getAlertPreferences,
  setAlertPreferences,
  listOperatorAlerts,
] as const;
