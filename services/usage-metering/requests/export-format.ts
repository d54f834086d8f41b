/** Streams calls as CSV or JSON lines. */
import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { UsageCall } from '#libs/contracts/usage.ts';

export type ExportedCall = UsageCall & { cursor: string; account_id?: string };

export function ndjsonOf(calls: AsyncIterable<ExportedCall>): Readable {
  return Readable.from(toLines(calls));
}

export type CsvOptions = {
  /** Columns before those of every export. */
  leading?: readonly string[];
  /** Begins with the names of the columns. */
  header: boolean;
};

export function csvOf(calls: AsyncIterable<ExportedCall>, { leading = [], header }: CsvOptions): Readable {
  const csv = stringify({ header, columns: [...leading, ...COLUMNS], escape_formulas: true });
  // Ends both when either fails, or when the receiver leaves; the response then breaks, so that nothing looks complete.
  pipeline(Readable.from(toRecords(calls)), csv, () => undefined);
  return csv;
}

async function* toLines(calls: AsyncIterable<ExportedCall>): AsyncGenerator<string> {
  for await (const call of calls) yield `${JSON.stringify(call)}\n`;
}

const COLUMNS = [
  'request_id',
  'call_index',
  'admitted_at',
  'user_id',
  'key_id',
  'step',
  'provider',
  'model',
  'status',
  'error_code',
  'usage_source',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_usd',
  'latency_ms',
  'cursor',
];

async function* toRecords(calls: AsyncIterable<ExportedCall>) {
  for await (const { tokens, ...call } of calls)
    yield {
      ...call,
      input_tokens: tokens.input,
      cache_read_tokens: tokens.cache_read,
      cache_write_tokens: tokens.cache_write,
      output_tokens: tokens.output,
      reasoning_tokens: tokens.reasoning,
    };
}
