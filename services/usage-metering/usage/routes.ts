import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { getUsage, getUserUsage, type UsageReport } from '#libs/contracts/usage.ts';
import type { Database } from '#libs/db/database.ts';
import { type LimitUsageQuery, readLimits } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { usageReportOf } from './domain/usage-report.ts';
import { findVisibleUser, listModelUsage } from './store.ts';

export type UsageRouteOptions = {
  database: Database;
  clock: Clock;
  /** Has billing create the balances of an account that has none. Rejects when billing cannot be reached. */
  ensureBalances: (accountId: string, requestId: string) => Promise<void>;
};

export function usageRoutes(app: FastifyInstance, options: UsageRouteOptions): void {
  const { database, clock, ensureBalances } = options;

  async function readReport(
    query: LimitUsageQuery,
    userId: string | null,
    requestId: string,
  ): Promise<UsageReport> {
    const { accountId } = query;
    let now = clock.now();
    let account = await readLimits(database, now, query);
    if (account === undefined) {
      await ensureBalances(accountId, requestId);
      // The balances begin after the first reading of the clock.
      now = clock.now();
      account = await readLimits(database, now, query);
    }
    if (account === undefined) throw problem('service_unavailable');
    const { period, limits } = account;
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
