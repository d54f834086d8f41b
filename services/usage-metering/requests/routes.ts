import type { FastifyInstance } from 'fastify';
import { getUsageRequest, listUsageRequests } from '#libs/contracts/usage.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { isStaff } from '#libs/service/staff.ts';
import { visibleUserId } from '../usage/domain/visibility.ts';
import { callFilterOf, presentCall } from './domain/call-record.ts';
import { decodeCursor, encodeCursor } from './domain/cursor.ts';
import { requestReportOf } from './domain/request-report.ts';
import { findRequest, listCalls } from './store.ts';

export function requestRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, listUsageRequests, async (request) => {
    const caller = callerOf(request);
    const { cursor, limit, ...query } = request.query;
    const filter = callFilterOf(caller.accountId, visibleUserId(caller), query);
    if (filter === null) return { data: [], next_cursor: null };
    const after = cursor === undefined ? null : decodeCursor(cursor);
    // One more row than the page shows whether there is a next page.
    const calls = await listCalls(database, filter, after, limit + 1);
    const shown = calls.slice(0, limit);
    const last = shown.at(-1);
    const hasMore = calls.length > limit && last !== undefined;
    return {
      data: shown.map(presentCall),
      next_cursor: hasMore ? encodeCursor(last.position) : null,
    };
  });

  serveOperation(app, getUsageRequest, async (request) => {
    const caller = callerOf(request);
    const { request_id: requestId } = request.params;
    const found = await findRequest(database, requestId, isStaff(caller) ? null : caller.accountId);
    const visibleUser = isStaff(caller) ? null : visibleUserId(caller);
    if (found === undefined || (visibleUser !== null && found.hold.userId !== visibleUser)) {
      throw problem('not_found');
    }
    return requestReportOf(found.hold, found.calls);
  });
}
