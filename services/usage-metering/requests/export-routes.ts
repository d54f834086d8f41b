import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { exportUsageCsv, exportUsageNdjson, type UsageCall } from '#libs/contracts/usage.ts';
import type { Database } from '#libs/db/database.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { visibleUserId } from '../usage/domain/visibility.ts';
import { type CallFilter, type CallQuery, callFilterOf, presentCall } from './domain/call-record.ts';
import { type CallPosition, decodeCursor, encodeCursor } from './domain/cursor.ts';
import { listCalls } from './store.ts';

/** Calls that are in memory at a time. */
const PAGE = 500;

type ExportedCall = UsageCall & { cursor: string };

export function exportRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, exportUsageNdjson, async (request, reply) => {
    const calls = callsOf(database, callerOf(request), request.query);
    return send(reply, 'application/x-ndjson', Readable.from(toLines(calls)));
  });

  serveOperation(app, exportUsageCsv, async (request, reply) => {
    const calls = callsOf(database, callerOf(request), request.query);
    const csv = stringify({ header: true, columns: COLUMNS, escape_formulas: true });
    // Ends both when either fails, or when the receiver leaves; the response then breaks, so that nothing looks complete.
    pipeline(Readable.from(toRecords(calls)), csv, () => undefined);
    return send(reply, 'text/csv; charset=utf-8', csv);
  });
}

/** @throws ProblemError `invalid_request` for a cursor that was not made here, before the response begins. */
function callsOf(
  database: Database,
  caller: Caller,
  { cursor, ...query }: CallQuery & { cursor?: string | undefined },
): AsyncIterable<ExportedCall> {
  const filter = callFilterOf(caller.accountId, visibleUserId(caller), query);
  return readCalls(database, filter, cursor === undefined ? null : decodeCursor(cursor));
}

function send(reply: FastifyReply, type: string, body: Readable): FastifyReply {
  return reply.header('content-type', type).header('cache-control', 'no-store').send(body);
}

/** The calls from the newest on, read page by page as the receiver takes them. */
async function* readCalls(
  database: Database,
  filter: CallFilter | null,
  start: CallPosition | null,
): AsyncGenerator<ExportedCall> {
  if (filter === null) return;
  let after = start;
  for (;;) {
    const calls = await listCalls(database, filter, after, PAGE);
    for (const call of calls) yield { ...presentCall(call), cursor: encodeCursor(call.position) };
    const last = calls.at(-1);
    if (calls.length < PAGE || last === undefined) return;
    after = last.position;
  }
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
