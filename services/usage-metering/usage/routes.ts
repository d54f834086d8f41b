import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { getUsage, getUserUsage, type UsageReport } from '#libs/contracts/usage.ts';
import type { LimitUsageQuery } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { usageReportOf } from './domain/usage-report.ts';
import { type ReadAccountOptions, readAccount } from './read-account.ts';
import { findVisibleUser, listModelUsage } from './store.ts';

export type UsageRouteOptions = ReadAccountOptions;

export function usageRoutes(app: FastifyInstance, options: UsageRouteOptions): void {
  const { database } = options;

  async function readReport(
    query: LimitUsageQuery,
    userId: string | null,
    requestId: string,
  ): Promise<UsageReport> {
    const { accountId } = query;
    const { now, period, limits } = await readAccount(options, query, requestId);
    const models = await listModelUsage(database, { accountId, userId, from: period.start, to: now });
    return usageReportOf({ accountId, userId, now, period, limits, models });
  }

  serveOperation(app, getUsage, async (request) => {
    const { accountId, userId, keyId, workspaceId } = callerOf(request);
    return succeed(await readReport({ accountId, userId, keyId, workspaceId }, null, request.id));
  });

  serveOperation(app, getUserUsage, async (request) => {
    const { user_id: userId } = request.params;
    const user = await findVisibleUser(database, callerOf(request), userId);
    if (user === undefined) throw problem('not_found');
    const query = { accountId: user.accountId, userId, keyId: null, workspaceId: null };
    return succeed(await readReport(query, userId, request.id));
  });
}
