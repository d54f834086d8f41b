/** Compares what a provider counted with what was recorded. */
import { EXPORT_CLASSES, type ExportedUsage, type ExportTokens } from './provider-export.ts';

export type RecordedUsage = {
  day: string;
  model: string;
  /** Calls whose outcome is known. */
  calls: number;
  tokens: ExportTokens;
  /** Calls of unknown outcome, with their bounds. */
  unresolved: readonly { id: string; bound: ExportTokens }[];
};

export type DayComparison = {
  day: string;
  model: string;
  provider: { requests: number | null; tokens: ExportTokens } | null;
  recorded: { calls: number; tokens: ExportTokens };
  /** The provider's figures less the recorded ones, without calls of unknown outcome. */
  difference: ExportTokens;
  unresolved: number;
  /**
   * - `equal`: nothing differs.
   * - `resolved_by_export`: the difference says what the calls of unknown outcome used.
   * - `ambiguous`: several calls share the difference, or it does not fit their bounds.
   * - `different`: there are no such calls, and something differs.
   */
  result: 'equal' | 'resolved_by_export' | 'ambiguous' | 'different';
  resolutions: { id: string; usage: Partial<ExportTokens> }[];
};

const NONE: ExportTokens = { input: 0, cache_read: 0, cache_write: 0, output: 0 };

/** @param exported with our names of models. */
export function compareUsage(
  exported: readonly ExportedUsage[],
  recorded: readonly RecordedUsage[],
): DayComparison[] {
  const theirs = Map.groupBy(exported, keyOf);
  const ours = new Map(recorded.map((usage) => [keyOf(usage), usage]));
  const keys = [...new Set([...theirs.keys(), ...ours.keys()])].sort();
  return keys.map((key) => {
    const [day = '', model = ''] = key.split(' ');
    const rows = theirs.get(key) ?? [];
    const usage = ours.get(key) ?? { day, model, calls: 0, tokens: NONE, unresolved: [] };
    const provider = rows.length === 0 ? null : { requests: requestsOf(rows), tokens: sumOf(rows) };
    const difference = subtract(provider?.tokens ?? NONE, usage.tokens);
    return {
      ...{ day, model, provider, recorded: { calls: usage.calls, tokens: usage.tokens }, difference },
      unresolved: usage.unresolved.length,
      ...resultOf(difference, usage.unresolved),
    };
  });
}

const keyOf = ({ day, model }: { day: string; model: string }) => `${day} ${model}`;

function requestsOf(rows: readonly ExportedUsage[]): number | null {
  return rows.some(({ requests }) => requests === null)
    ? null
    : rows.reduce((sum, { requests }) => sum + (requests ?? 0), 0);
}

function sumOf(rows: readonly { tokens: ExportTokens }[]): ExportTokens {
  return mapTokens((name) => rows.reduce((sum, { tokens }) => sum + tokens[name], 0));
}

function subtract(left: ExportTokens, right: ExportTokens): ExportTokens {
  return mapTokens((name) => left[name] - right[name]);
}

function mapTokens(of: (name: keyof ExportTokens) => number): ExportTokens {
  return Object.fromEntries(EXPORT_CLASSES.map((name) => [name, of(name)])) as ExportTokens;
}

function resultOf(
  difference: ExportTokens,
  unresolved: RecordedUsage['unresolved'],
): Pick<DayComparison, 'result' | 'resolutions'> {
  const isZero = EXPORT_CLASSES.every((name) => difference[name] === 0);
  const [only, ...others] = unresolved;
  if (only === undefined) return { result: isZero ? 'equal' : 'different', resolutions: [] };
  // The provider charged for none of them.
  if (isZero)
    return { result: 'resolved_by_export', resolutions: unresolved.map(({ id }) => ({ id, usage: {} })) };
  if (others.length > 0 || !isWithin(difference, only.bound)) return { result: 'ambiguous', resolutions: [] };
  const used = EXPORT_CLASSES.filter((name) => difference[name] > 0);
  const usage = Object.fromEntries(used.map((name) => [name, difference[name]]));
  return { result: 'resolved_by_export', resolutions: [{ id: only.id, usage }] };
}

/** Bounds do not divide the prompt among its classes. */
function isWithin(used: ExportTokens, bound: ExportTokens): boolean {
  const prompt = (tokens: ExportTokens) => tokens.input + tokens.cache_read + tokens.cache_write;
  return (
    EXPORT_CLASSES.every((name) => used[name] >= 0) &&
    prompt(used) <= prompt(bound) &&
    used.output <= bound.output
  );
}
