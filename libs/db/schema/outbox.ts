/** Events that leave the system and their deliveries. Every service adds rows; usage-metering delivers them. */
import { index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
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
    deliveredAt: instant('delivered_at'),
  },
  (table) => [unique('outbox_deliveries_route').on(table.eventId, table.channel, table.target)],
);
