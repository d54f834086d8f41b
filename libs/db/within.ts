import { and, gte, lt, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { datesOf } from '#libs/contracts/page.ts';

/** Whether an instant is in a range of a query: from `from` on, and before `to`. */
export function within(
  column: PgColumn,
  range: { from?: string | undefined; to?: string | undefined },
): SQL | undefined {
  const { from, to } = datesOf(range);
  return and(from && gte(column, from), to && lt(column, to));
}
