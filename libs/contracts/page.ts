/** Lists are paged: `?limit=20&cursor=<next_cursor of the previous page>`. */
import { z } from 'zod';
import { instant } from './envelope.ts';

const MAX_ENTRIES = 100;
const DEFAULT_ENTRIES = 20;

export const pageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_ENTRIES)
    .default(DEFAULT_ENTRIES)
    .describe('The most entries of one page.'),
  cursor: z.uuid().optional().describe('`next_cursor` of the previous page.'),
});

/** A filter on the time of entries. */
export const timeRange = {
  from: instant.optional().describe('Inclusive start.'),
  to: instant.optional().describe('Exclusive end.'),
};

/** A filter of {@link timeRange} as dates. */
export function datesOf({ from, to }: { from?: string | undefined; to?: string | undefined }): DateRange {
  return {
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}
export type DateRange = { from: Date | undefined; to: Date | undefined };

export type PageQuery = z.output<typeof pageQuery>;

/** A page of entries; `next_cursor` is null on the last one. Cursors are ids of entries unless they have a schema of their own. */
export function page<Entry extends z.ZodType, Cursor extends z.ZodType<string> = z.ZodUUID>(
  entry: Entry,
  cursor: Cursor = z.uuid() as z.ZodType as Cursor,
) {
  return z.object({ data: z.array(entry), next_cursor: cursor.nullable() });
}

/** A list that always fits into one response, in the shape of a page. */
export function list<Entry extends z.ZodType>(entry: Entry) {
  return z.object({ data: z.array(entry), next_cursor: z.null() });
}

/** Wraps every entry of a {@link list}. */
export function toList<Entry>(data: Entry[]): { data: Entry[]; next_cursor: null } {
  return { data, next_cursor: null };
}

/** Builds a page from up to `limit + 1` rows: the extra row shows that there is a next page. */
export function toPage<Row extends { id: string }, View>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => View,
): { data: View[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  return { data: shown.map(present), next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
}
