import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { getUsageRequest, listUsageRequests } from '#libs/contracts/usage.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { isStaff } from '#libs/service/staff.ts';
import { confinedTo } from '../usage/visibility.ts';
import { type CallFilter, type CallRecord, presentCall } from './call-record.ts';
import { type CallPosition, decodeCursor, encodeCursor } from './cursor.ts';
import { type HoldRecord, requestReportOf } from './domain.ts';

export type RequestRouteOptions = {
  listCalls: (
    filter: CallFilter,
    after: CallPosition | null,
    limit: number,
  ) => Promise<(CallRecord & { position: CallPosition })[]>;
  findRequest: (
    requestId: string,
    accountId: string | null,
  ) => Promise<{ hold: HoldRecord; calls: CallRecord[] } | undefined>;
};

export function requestRoutes(app: FastifyInstance, { listCalls, findRequest }: RequestRouteOptions): void {
  serveOperation(app, listUsageRequests, async (request) => {
    const caller = callerOf(request);
    const { cursor, limit, provider, model, status } = request.query;
    const calls = await listCalls(
      {
        accountId: caller.accountId,
        userId: confinedTo(caller),
        provider: provider ?? null,
        model: model ?? null,
        status: status ?? null,
      },
      cursor === undefined ? null : decodeCursor(cursor),
      // One more than is shown tells whether there is a next page.
      limit + 1,
    );
    const shown = calls.slice(0, limit);
    const last = shown.at(-1);
    const hasMore = calls.length > limit && last !== undefined;
    return succeed({
      calls: shown.map(presentCall),
      next_cursor: hasMore ? encodeCursor(last.position) : null,
    });
  });

  serveOperation(app, getUsageRequest, async (request) => {
    const caller = callerOf(request);
    const { request_id: requestId } = request.params;
    const found = await findRequest(requestId, isStaff(caller) ? null : caller.accountId);
    const confined = isStaff(caller) ? null : confinedTo(caller);
    if (found === undefined || (confined !== null && found.hold.userId !== confined)) {
      throw problem('not_found');
    }
    return succeed(requestReportOf(found.hold, found.calls));
  });
}
