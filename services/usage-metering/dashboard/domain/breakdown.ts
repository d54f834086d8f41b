/** Sums by a dimension. */
import type { BreakdownRowWire } from '#libs/contracts/dashboard.ts';
import { figuresOf, NOTHING, type Sums, sumOf } from '../../usage/domain/usage-report.ts';

export type GroupSums = Sums & { start: string; group: string | null };

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  research: 'blog',
  write: 'blog',
  edit: 'blog',
  alt_text: 'image',
  style: 'image',
};

/** The kind of content that a step belongs to: the steps of an article are one. */
export const contentTypeOf = (step: string): string => CONTENT_TYPES[step] ?? step;

/** Merges the rows of steps into those of content types. */
export function mergeContentTypes(rows: readonly GroupSums[]): GroupSums[] {
  const merged = Map.groupBy(rows, ({ start, group }) =>
    JSON.stringify([start, group === null ? null : contentTypeOf(group)]),
  );
  return [...merged].map(([key, sums]) => {
    const [start, group] = JSON.parse(key) as [string, string | null];
    return { start, group, ...sumOf(sums) };
  });
}

export function presentRows(rows: readonly GroupSums[]): BreakdownRowWire[] {
  return rows
    .map(({ start, group, ...sums }) => ({ start, group, ...figuresOf(sums) }))
    .sort((a, b) => a.start.localeCompare(b.start) || (a.group ?? '').localeCompare(b.group ?? ''));
}

export const totalOf = (rows: readonly GroupSums[]) => figuresOf(rows.length === 0 ? NOTHING : sumOf(rows));
