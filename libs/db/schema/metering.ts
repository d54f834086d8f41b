/** Tables of usage-metering: prices and models. */
import { bigint, boolean, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { instant } from './columns.ts';

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
  publicReason: text('public_reason').notNull(),
});
