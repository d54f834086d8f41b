/** Tables of usage-metering: prices, models, reported events and archives. */
import {
  bigint,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { amount, instant } from './columns.ts';

/** Effective-dated prices in pico-USD per unit. Rows are added, never changed. */
export const providerPrices = pgTable(
  'provider_prices',
  {
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    class: text('class').$type<UnitClass>().notNull(),
    validFrom: instant('valid_from').notNull(),
    /** The price holds for calls with at least this many input tokens (long-context tiers). */
    fromInputTokens: integer('from_input_tokens').notNull(),
    picoUsdPerUnit: bigint('pico_usd_per_unit', { mode: 'bigint' }).notNull(),
    author: text('author').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.provider, table.model, table.class, table.validFrom, table.fromInputTokens],
    }),
  ],
);

/** Models with their limits, aliases and capabilities. */
export const models = pgTable(
  'models',
  {
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    info: jsonb('info').$type<ModelInfo>().notNull(),
    enabled: boolean('enabled').notNull().default(true),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.provider, table.model] })],
);

/** What callers may read about an emergency stop. Staff's own note is in `ledger_stops`. */
export const stopNotices = pgTable('stop_notices', {
  stopId: uuid('stop_id').primaryKey(),
  publicReason: text('public_reason'),
  /** When staff expect to lift the stop. */
  expectedUntil: instant('expected_until'),
});

/** Further names of models, added by staff: dated or prefixed names that vendors and other gateways use. */
export const modelAliases = pgTable('model_aliases', {
  alias: text('alias').primaryKey(),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  author: text('author').notNull(),
  createdAt: instant('created_at').notNull(),
});

/** Usage that customers report, by their own ids. Its amounts are in `usage_events`, under `usage_id`. */
export const reportedEvents = pgTable(
  'reported_events',
  {
    accountId: uuid('account_id').notNull(),
    id: text('id').notNull(),
    meter: text('meter').notNull(),
    /** Negative for a correction, and for a level that falls. */
    amount: amount('amount').notNull(),
    occurredAt: instant('occurred_at').notNull(),
    /** The event that this one corrects; null for an event of its own. */
    corrects: text('corrects'),
    /** What is left of the amount after all corrections; null for a correction, and for a change of a level. */
    remaining: amount('remaining'),
    usageId: uuid('usage_id').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.id] }),
    index('reported_events_time').on(table.occurredAt),
  ],
);

/** What the events of an account have added to meters that count what exists, such as files that it stores elsewhere. */
export const reportedLevels = pgTable(
  'reported_levels',
  {
    accountId: uuid('account_id').notNull(),
    meter: text('meter').notNull(),
    /** Never negative. */
    level: amount('level').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.meter] })],
);

/** Months of usage rows that were moved to files. */
export const archivedMonths = pgTable('archived_months', {
  /** The first day of the month. */
  month: date('month').primaryKey(),
  storageKey: text('storage_key').notNull(),
  rows: integer('rows').notNull(),
  bytes: bigint('bytes', { mode: 'number' }).notNull(),
  sha256: text('sha256').notNull(),
  storedAt: instant('stored_at').notNull(),
  /** When the rows left the database; null while both have them. */
  detachedAt: instant('detached_at'),
});
