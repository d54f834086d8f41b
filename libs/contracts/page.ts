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

/** For lists with a filter on the time of creation. */
export const datedPageQuery = pageQuery.extend(timeRange);
export type DatedPageQuery = z.output<typeof datedPageQuery>;

/** Longer than any name that a cursor may contain. */
const MAX_CURSOR_CHARACTERS = 1_000;

/** For lists whose entries have no id; see {@link keyPage} and {@link toKeyPage}. */
export const keyPageQuery = pageQuery.extend({
  cursor: z.string().max(MAX_CURSOR_CHARACTERS).optional().describe('`next_cursor` of the previous page.'),
});
export type KeyPageQuery = z.output<typeof keyPageQuery>;

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

/** A {@link page} of entries that have no id: its cursor is opaque. */
export function keyPage<Entry extends z.ZodType>(entry: Entry) {
  return page(entry, z.string());
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

/**
 * Builds a {@link keyPage} from all entries, which it puts in the order of their keys. Entries that are added or removed between
 * two pages do not move the others.
 *
 * @param keyOf unique among the entries.
 */
export function toKeyPage<Entry>(
  entries: readonly Entry[],
  { limit, cursor }: KeyPageQuery,
  keyOf: (entry: Entry) => string,
  order: 'ascending' | 'descending' = 'ascending',
): { data: Entry[]; next_cursor: string | null } {
  const direction = order === 'ascending' ? 1 : -1;
  const compare = (a: string, b: string) => (a === b ? 0 : a < b ? -direction : direction);
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();
  const rest = entries
    .map((entry) => ({ entry, key: keyOf(entry) }))
    .filter(({ key }) => after === undefined || compare(after, key) < 0)
    .toSorted((a, b) => compare(a.key, b.key));
  const shown = rest.slice(0, limit);
  const last = rest.length > limit ? shown.at(-1) : undefined;
  return {
    data: shown.map(({ entry }) => entry),
    next_cursor: last === undefined ? null : Buffer.from(last.key).toString('base64url'),
  };
}
