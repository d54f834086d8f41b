import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { exportUsageCsv, exportUsageNdjson } from '#libs/contracts/usage.ts';
import { exportAllUsageCsv, exportAllUsageNdjson } from '#libs/contracts/usage-archives.ts';
import type { Database } from '#libs/db/database.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { visibleUserId } from '../usage/domain/visibility.ts';
import { type CallFilter, type CallQuery, callFilterOf, presentCall } from './domain/call-record.ts';
import {
  type CallPosition,
  decodeAccountCursor,
  decodeCursor,
  encodeAccountCursor,
  encodeCursor,
} from './domain/cursor.ts';
import { csvOf, type ExportedCall, ndjsonOf } from './export-format.ts';
import { type AllCallsFilter, listAllCalls, listCalls } from './store.ts';

/** Calls that are in memory at a time. */
const PAGE = 500;

export function exportRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, exportUsageNdjson, async (request, reply) => {
    const calls = callsOf(database, callerOf(request), request.query);
    return send(reply, 'application/x-ndjson', ndjsonOf(calls));
  });

  serveOperation(app, exportUsageCsv, async (request, reply) => {
    const calls = callsOf(database, callerOf(request), request.query);
    return send(reply, 'text/csv; charset=utf-8', csvOf(calls, { header: isWhole(request.query) }));
  });

  serveOperation(app, exportAllUsageNdjson, async (request, reply) =>
    send(reply, 'application/x-ndjson', ndjsonOf(allCallsOf(database, request.query))),
  );

  serveOperation(app, exportAllUsageCsv, async (request, reply) =>
    send(
      reply,
      'text/csv; charset=utf-8',
      csvOf(allCallsOf(database, request.query), {
        leading: ['account_id'],
        header: isWhole(request.query),
      }),
    ),
  );
}

/** Not a continuation, which the client appends to what it has. */
const isWhole = ({ cursor }: { cursor?: string | undefined }): boolean => cursor === undefined;

type AllCallsQuery = {
  from?: string | undefined;
  to?: string | undefined;
  provider?: string | undefined;
  cursor?: string | undefined;
};

/** @throws ProblemError `invalid_request` for a cursor that was not made here, before the response begins. */
function allCallsOf(
  database: Database,
  { from, to, provider, cursor }: AllCallsQuery,
): AsyncIterable<ExportedCall> {
  const filter = {
    from: from === undefined ? null : new Date(from),
    to: to === undefined ? null : new Date(to),
    provider: provider ?? null,
  };
  return readAllCalls(database, filter, cursor === undefined ? null : decodeAccountCursor(cursor));
}

async function* readAllCalls(
  database: Database,
  filter: AllCallsFilter,
  start: (CallPosition & { accountId: string }) | null,
): AsyncGenerator<ExportedCall> {
  let after = start;
  for (;;) {
    const calls = await listAllCalls(database, filter, after, PAGE);
    for (const call of calls) {
      const { accountId, position } = call;
      const cursor = encodeAccountCursor({ accountId, ...position });
      yield { account_id: accountId, ...presentCall(call), cursor };
    }
    const last = calls.at(-1);
    if (calls.length < PAGE || last === undefined) return;
    after = { accountId: last.accountId, ...last.position };
  }
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

/** A download that broke is continued by cursor: what is exported may change in between, so bytes have no fixed place. */
function send(reply: FastifyReply, type: string, body: Readable): FastifyReply {
  return reply
    .header('content-type', type)
    .header('cache-control', 'no-store')
    .header('accept-ranges', 'none')
    .send(body);
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
