/** Tables of generation: answers kept for callers that may ask again. */
import { customType, integer, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** The answer of a request that carried an `Idempotency-Key`: it survives the gateway that asked for it. */
export const generationResults = pgTable('generation_results', {
  requestId: uuid('request_id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  state: text('state', { enum: ['running', 'done'] }).notNull(),
  /** Renewed while the work runs; past it, the process that ran it is gone. */
  leaseUntil: instant('lease_until').notNull(),
  status: integer('status'),
  headers: jsonb('headers'),
  body: bytes('body'),
  createdAt: instant('created_at').notNull(),
});
