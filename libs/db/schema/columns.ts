/** Column types that every schema file uses. */
import { bigint, customType, timestamp, uuid } from 'drizzle-orm/pg-core';

/** A moment in time, read as a Date. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** An exact amount: nano-USD, or pieces of a meter. */
export const amount = (name: string) => bigint(name, { mode: 'bigint' });

export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** Who created a row, and for which workspace. */
export const owner = () => ({
  accountId: uuid('account_id').notNull(),
  userId: uuid('user_id'),
  keyId: uuid('key_id'),
  workspaceId: uuid('workspace_id'),
});
