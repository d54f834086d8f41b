/** Sums by a dimension, and what to improve. */
import type { BreakdownRowWire, InsightWire } from '#libs/contracts/dashboard.ts';
import { percentageOf } from '#libs/contracts/limits.ts';
import { figuresOf, type ModelUsage, NOTHING, type Sums, sumOf } from '../../usage/domain/usage-report.ts';

export type GroupSums = Sums & { start: string; group: string | null };

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  research: 'blog',
  write: 'blog',
  edit: 'blog',
  alt_text: 'image',
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

const MIN_INPUT_TOKENS = 1_000_000n;
const LOW_CACHE_PERCENTAGE = 10;
const MIN_CALLS = 20n;
const HIGH_ERROR_PERCENTAGE = 5;

export function insightsOf(models: readonly ModelUsage[]): InsightWire[] {
  return models.flatMap((usage) => {
    const { provider, model, calls, errors, inputTokens, cacheReadTokens } = usage;
    const insights: InsightWire[] = [];
    const read = inputTokens + cacheReadTokens;
    const cached = percentageOf(cacheReadTokens, read) ?? 0;
    if (read >= MIN_INPUT_TOKENS && cached < LOW_CACHE_PERCENTAGE) {
      const message = `Only ${cached} % of the input tokens were read from the cache. Put the parts that repeat first.`;
      insights.push({ kind: 'cache', provider, model, message, percentage: cached });
    }
    const failed = percentageOf(errors, calls) ?? 0;
    if (calls >= MIN_CALLS && failed >= HIGH_ERROR_PERCENTAGE) {
      const message = `${failed} % of the calls failed. Compare their error codes in the list of calls.`;
      insights.push({ kind: 'errors', provider, model, message, percentage: failed });
    }
    return insights;
  });
}
