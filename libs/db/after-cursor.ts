import { lt, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

/** Whether a row follows a cursor in a list that is ordered by its ids, newest first; nothing is left out without a cursor. */
export function afterCursor(id: PgColumn, cursor: string | undefined): SQL | undefined {
  return cursor === undefined ? undefined : lt(id, cursor);
}
