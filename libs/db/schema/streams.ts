/** Streams that are open in any process. The services that open streams share this table. */
import { index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/**
 * One row per open stream: a lease that its process renews. Unlogged, because after a crash of the database the streams
 * of the time before are closed.
 */
export const openStreams = pgTable(
  'open_streams',
  {
    id: uuid('id').primaryKey(),
    /** Whose streams are counted together. */
    owner: text('owner').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('open_streams_owner').on(table.owner)],
);
