/** Tables of billing: what is sold, and to whom. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** An imported catalogue file. Never changed: subscriptions pin the version they were sold under. */
export const catalogueVersions = pgTable(
  'catalogue_versions',
  {
    id: uuid('id').primaryKey(),
    catalogueId: text('catalogue_id').notNull(),
    version: integer('version').notNull(),
    contentHash: text('content_hash').notNull(),
    /** The file's own text; parsed by `libs/catalogue` wherever it is needed. */
    source: text('source').notNull(),
    author: text('author').notNull(),
    createdAt: instant('created_at').notNull(),
    /** New subscriptions take the active version; at most one is. */
    active: boolean('active').notNull(),
  },
  (table) => [
    uniqueIndex('catalogue_versions_number').on(table.catalogueId, table.version),
    index('catalogue_versions_hash').on(table.catalogueId, table.contentHash),
    uniqueIndex('catalogue_versions_active').on(table.active).where(sql`active`),
  ],
);

export const subscriptions = pgTable(
  'subscriptions',
  {
    accountId: uuid('account_id').primaryKey(),
    catalogueVersionId: uuid('catalogue_version_id').notNull(),
    planKey: text('plan_key').notNull(),
    cycle: text('cycle', { enum: ['month', 'year'] }).notNull(),
    status: text('status', { enum: ['active', 'trialing', 'past_due', 'cancelled', 'suspended'] }).notNull(),
    anchor: instant('anchor').notNull(),
    currentPeriodStart: instant('current_period_start').notNull(),
    currentPeriodEnd: instant('current_period_end').notNull(),
    cancelAtPeriodEnd: boolean('cancel_at_period_end').notNull().default(false),
    trialEndsAt: instant('trial_ends_at'),
    /** A change that waits for the end of the period: `{plan_key, cycle, catalogue_version_id}`. */
    scheduledChange: jsonb('scheduled_change'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [index('subscriptions_version').on(table.catalogueVersionId)],
);

/** Limits of single API keys, beside those of their account's plan. */
export const keyLimits = pgTable(
  'key_limits',
  {
    accountId: uuid('account_id').notNull(),
    keyId: uuid('key_id').notNull(),
    meter: text('meter').notNull(),
    window: text('win', { enum: ['day', 'week', 'month', 'period', 'total'] }).notNull(),
    /** In the meter's own unit: nano-USD for `cost`, otherwise pieces. */
    amount: bigint('amount', { mode: 'bigint' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.keyId, table.meter, table.window] })],
);
