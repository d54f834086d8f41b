/**
 * Usage exports of providers, as sums by day and model.
 *
 * - OpenAI: the usage API (`/v1/organization/usage/completions`) as JSON, or the CSV of its usage page.
 * - Anthropic: the usage report (`/v1/organizations/usage_report/messages`) as JSON, or the CSV of its console.
 */
import { problem } from '#libs/problems/problems.ts';

export type ExportProvider = 'openai' | 'anthropic';

/** Tokens by class; `output` includes reasoning, which no export separates. */
export const EXPORT_CLASSES = ['input', 'cache_read', 'cache_write', 'output'] as const;
export type ExportTokens = Record<(typeof EXPORT_CLASSES)[number], number>;

export type ExportedUsage = {
  /** UTC. */
  day: string;
  /** As the provider names it. */
  model: string;
  /** Null if the export does not count them. */
  requests: number | null;
  tokens: ExportTokens;
};

type Fields = Readonly<Record<string, unknown>>;

/** @throws ProblemError `semantic_error` for a text that is not an export of the provider. */
export function readExport(provider: ExportProvider, text: string): ExportedUsage[] {
  const read = READERS[provider];
  const isJson = text.trimStart().startsWith('{');
  const rows = isJson ? jsonRows(text) : csvRows(text);
  return rows.flatMap((row) => {
    const usage = read(row);
    return usage === undefined ? [] : [usage];
  });
}

/** Each result of each bucket, with the start of its bucket. */
function jsonRows(text: string): Fields[] {
  const document = parse(text);
  const buckets = Array.isArray(document.data) ? (document.data as Fields[]) : undefined;
  if (buckets === undefined) throw invalid('It has no `data`.');
  return buckets.flatMap(({ start_time, starting_at, results }) => {
    if (!Array.isArray(results)) throw invalid('A bucket has no `results`.');
    return (results as Fields[]).map((result) => ({ start_time, starting_at, ...result }));
  });
}

function parse(text: string): Fields {
  try {
    return JSON.parse(text) as Fields;
  } catch {
    throw invalid('It is not JSON.');
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc4180 */
function csvRows(text: string): Fields[] {
  const lines = csvLines(text);
  const [header = [], ...rows] = lines;
  return rows.map((cells) =>
    Object.fromEntries(header.map((name, index) => [name.trim(), cells[index] ?? ''])),
  );
}

function csvLines(text: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/gy;
  for (
    let match = cell.exec(text);
    match !== null && cell.lastIndex <= text.length;
    match = cell.exec(text)
  ) {
    const [whole, quoted, plain = '', end] = match;
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') {
      if (cells.length > 1 || cells[0] !== '') lines.push(cells);
      cells = [];
    }
    if (whole === '' || cell.lastIndex === text.length) break;
  }
  if (cell.lastIndex !== text.length) throw invalid('It is not CSV.');
  return lines;
}

const READERS: Readonly<Record<ExportProvider, (row: Fields) => ExportedUsage | undefined>> = {
  openai(row) {
    const cached = count(row, 'input_cached_tokens', 0);
    return usage(
      dayOf(row.start_time ?? row.start_time_iso),
      row.model,
      count(row, 'num_model_requests', null),
      {
        input: count(row, 'input_tokens') - cached,
        cache_read: cached,
        cache_write: 0,
        output: count(row, 'output_tokens'),
      },
    );
  },
  anthropic(row) {
    const isCsv = 'usage_date_utc' in row;
    if (isCsv)
      return usage(dayOf(row.usage_date_utc), row.model_version, null, {
        input: count(row, 'usage_input_tokens_no_cache'),
        cache_read: count(row, 'usage_input_tokens_cache_read'),
        cache_write:
          count(row, 'usage_input_tokens_cache_write_5m', 0) +
          count(row, 'usage_input_tokens_cache_write_1h', 0),
        output: count(row, 'usage_output_tokens'),
      });
    const created = (row.cache_creation ?? {}) as Fields;
    return usage(dayOf(row.starting_at), row.model, null, {
      input: count(row, 'uncached_input_tokens'),
      cache_read: count(row, 'cache_read_input_tokens'),
      cache_write:
        count(created, 'ephemeral_5m_input_tokens', 0) + count(created, 'ephemeral_1h_input_tokens', 0),
      output: count(row, 'output_tokens'),
    });
  },
};

function usage(
  day: string,
  model: unknown,
  requests: number | null,
  tokens: ExportTokens,
): ExportedUsage | undefined {
  const isEmpty = !requests && Object.values(tokens).every((tokenCount) => tokenCount === 0);
  if (isEmpty) return undefined;
  if (typeof model !== 'string' || model === '')
    throw invalid('A row names no model: group the export by model.');
  return { day, model, requests, tokens };
}

/** @param start Unix seconds, a date, or a date and time. */
function dayOf(start: unknown): string {
  const seconds = Number(start);
  const date = new Date(Number.isFinite(seconds) && start !== '' ? seconds * 1_000 : String(start));
  if (Number.isNaN(date.getTime())) throw invalid('A row has no day.');
  return date.toISOString().slice(0, 10);
}

function count<Missing extends number | null = never>(
  row: Fields,
  field: string,
  missing?: Missing,
): number | Missing {
  const value = row[field];
  if ((value === undefined || value === null || value === '') && missing !== undefined) return missing;
  const tokens = value === '' || value === null ? Number.NaN : Number(value);
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw invalid(`A row has no number in ${field}.`);
  return tokens;
}

const invalid = (detail: string) =>
  problem('semantic_error', { detail: `This is not a usage export. ${detail}`, fields: { param: 'source' } });
