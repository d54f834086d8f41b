/** Tables of usage-metering: where accounts receive events, and every attempt to deliver one. */
import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';
import { outboxDeliveries } from './outbox.ts';

/** An address of an account. Its deliveries are rows of {@link outboxDeliveries} whose `target` is its id. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    url: text('url').notNull(),
    description: text('description').notNull(),
    /** The types it receives; empty for all. */
    eventTypes: text('event_types').array().notNull(),
    /** It signs, so it cannot be a hash: encrypted with a key that the database does not have. */
    secret: text('secret').notNull(),
    /** The secret before the last rotation, which signs as well until `previousSecretUntil`. */
    previousSecret: text('previous_secret'),
    previousSecretUntil: instant('previous_secret_until'),
    status: text('status', { enum: ['enabled', 'disabled'] })
      .notNull()
      .default('enabled'),
    /** `failing`: disabled because every attempt failed for days. `gone`: it answered 410. Null unless disabled. */
    disabledReason: text('disabled_reason', { enum: ['request', 'failing', 'gone'] }),
    /** The first failure since the last success. */
    failingSince: instant('failing_since'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [index('webhook_endpoints_account').on(table.accountId, table.id)],
);

/** One request to an endpoint, and its answer. Deleted with its delivery. */
export const webhookAttempts = pgTable(
  'webhook_attempts',
  {
    id: uuid('id').primaryKey(),
    deliveryId: uuid('delivery_id')
      .notNull()
      .references(() => outboxDeliveries.id, { onDelete: 'cascade' }),
    attemptedAt: instant('attempted_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** Null if there was no response. */
    responseStatus: integer('response_status'),
    /** The beginning of the response's body, as text. */
    responseBody: text('response_body'),
    error: text('error'),
  },
  (table) => [index('webhook_attempts_delivery').on(table.deliveryId, table.id)],
);
