/** Events that leave the system and their deliveries. Every service adds rows; usage-metering delivers them. */

import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { ALERT_KINDS, ALERT_SEVERITIES } from '#libs/contracts/alert-kinds.ts';
import { instant } from './columns.ts';

export const outboxEvents = pgTable(
  'outbox_events',
  {
    id: uuid('id').primaryKey(),
    /** `trial.ending`, `payment.requested`, … */
    type: text('type').notNull(),
    accountId: uuid('account_id'),
    payload: jsonb('payload').$type<Readonly<Record<string, unknown>>>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('outbox_events_created').on(table.createdAt)],
);

export const outboxDeliveries = pgTable(
  'outbox_deliveries',
  {
    id: uuid('id').primaryKey(),
    eventId: uuid('event_id')
      .notNull()
      .references(() => outboxEvents.id, { onDelete: 'cascade' }),
    channel: text('channel').notNull(),
    /** An address within the channel; empty where the channel has only one. */
    target: text('target').notNull(),
    status: text('status').$type<'pending' | 'delivered' | 'dead'>().notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** When it is attempted next; null for at once, where the job queue decides, and when no attempt is planned. */
    nextAttemptAt: instant('next_attempt_at'),
    deliveredAt: instant('delivered_at'),
  },
  (table) => [
    unique('outbox_deliveries_route').on(table.eventId, table.channel, table.target),
    /** The deliveries of a webhook endpoint, newest first. */
    index('outbox_deliveries_webhook').on(table.target, table.id).where(sql`channel = 'webhook'`),
    /** The deliveries to come of one receiver, the most urgent first. */
    index('outbox_deliveries_pending')
      .on(table.channel, table.target, table.nextAttemptAt.asc().nullsFirst(), table.id)
      .where(sql`status = 'pending'`),
  ],
);

/** Receivers to which a process delivers now, so that each has one request at a time. */
export const outboxClaims = pgTable(
  'outbox_claims',
  {
    channel: text('channel').notNull(),
    target: text('target').notNull(),
    /** After this time the process is considered dead. */
    claimedUntil: instant('claimed_until').notNull(),
  },
  (table) => [primaryKey({ columns: [table.channel, table.target] })],
);

/** Alerts that users and operators see: written with the event that they have their id from. Never changed. */
export const alerts = pgTable(
  'alerts',
  {
    id: uuid('id').primaryKey(),
    /** Null for an alert of the operators. */
    accountId: uuid('account_id'),
    /** The only user it concerns; null for the whole account. */
    userId: uuid('user_id'),
    kind: text('kind', { enum: ALERT_KINDS }).notNull(),
    /** The type of the event. */
    type: text('type').notNull(),
    severity: text('severity', { enum: ALERT_SEVERITIES }).notNull(),
    /** The payload of the event, from which title and text are made when they are shown. */
    data: jsonb('data').$type<Readonly<Record<string, unknown>>>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('alerts_account').on(table.accountId, table.id)],
);
