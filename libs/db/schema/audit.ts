/** The audit log, which every service writes. */
import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Actions of staff, of the command line and of the system. A trigger refuses to change or delete rows. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    at: instant('at').notNull(),
    /** A user's id, `system` or `cli`. */
    actor: text('actor').notNull(),
    /** `override.created`, `catalogue.published`, … */
    action: text('action').notNull(),
    /** The object of the action: `account:<id>`, `flag:<key>`, `catalogue:<version id>`, `guard_rail:plan:<key>`. */
    subject: text('subject').notNull(),
    accountId: uuid('account_id'),
    before: jsonb('before').$type<Readonly<Record<string, unknown>>>(),
    after: jsonb('after').$type<Readonly<Record<string, unknown>>>(),
    reason: text('reason'),
    requestId: text('request_id'),
  },
  (table) => [
    index('audit_log_account').on(table.accountId, table.id),
    index('audit_log_actor').on(table.actor, table.id),
    index('audit_log_subject').on(table.subject, table.id),
  ],
);
