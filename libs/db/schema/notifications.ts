/** Tables of usage-metering: who has read which alert, how users want to hear of alerts, and hourly costs. */
import { jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ChannelPreferences, QuietHours } from '#libs/contracts/alert-kinds.ts';
import { amount, instant } from './columns.ts';

export const alertReads = pgTable(
  'alert_reads',
  {
    alertId: uuid('alert_id').notNull(),
    userId: uuid('user_id').notNull(),
    readAt: instant('read_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.alertId] })],
);

export const alertSettings = pgTable(
  'alert_settings',
  {
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id').notNull(),
    channels: jsonb('channels').$type<ChannelPreferences>().notNull(),
    quietHours: jsonb('quiet_hours').$type<QuietHours>(),
    /** A Slack-compatible address with a secret in it: encrypted, and shown only in part. */
    slackUrl: text('slack_url'),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.userId] })],
);

/** The cost of an account in one hour, from which unusual hours are found. The nil UUID is the sum of all accounts. */
export const hourlyCosts = pgTable(
  'hourly_costs',
  {
    accountId: uuid('account_id').notNull(),
    hour: instant('hour').notNull(),
    costNanoUsd: amount('cost_nano_usd').notNull(),
    calls: amount('calls').notNull(),
    /** When the hour was found to be unusual. */
    flaggedAt: instant('flagged_at'),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.hour] })],
);
