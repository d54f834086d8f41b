import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { getUsage, getUserUsage, type UsageReport } from '#libs/contracts/usage.ts';
import type { AccountStanding, StandingQuery } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { isStaff } from '#libs/service/staff.ts';
import { type ModelUsage, type ModelUsageQuery, usageReportOf } from './domain.ts';
import { seesWholeAccount } from './visibility.ts';

export type UsageRouteOptions = {
  clock: Clock;
  standing: (query: StandingQuery, now: Date) => Promise<AccountStanding | undefined>;
  byModel: (query: ModelUsageQuery) => Promise<ModelUsage[]>;
  isMember: (accountId: string, userId: string) => Promise<boolean>;
  accountOf: (userId: string) => Promise<string | undefined>;
  /** Opens the books of an account that has none yet; fails where billing cannot be reached. */
  openBooks: (accountId: string, requestId: string) => Promise<void>;
};

export function usageRoutes(app: FastifyInstance, options: UsageRouteOptions): void {
  const { clock, standing, byModel, isMember, accountOf, openBooks } = options;

  async function report(
    query: StandingQuery,
    userId: string | null,
    requestId: string,
  ): Promise<UsageReport> {
    let now = clock.now();
    let account = await standing(query, now);
    if (account === undefined) {
      await openBooks(query.accountId, requestId);
      // The books begin after the first look at the clock.
      now = clock.now();
      account = await standing(query, now);
    }
    if (account === undefined) throw problem('service_unavailable');
    const { period, limits } = account;
    const models = await byModel({ accountId: query.accountId, userId, from: period.start, to: now });
    return usageReportOf({ accountId: query.accountId, userId, now, period, limits, models });
  }

  /** The account in which the caller may look at the user; undefined where there is none. */
  async function accountToShow(caller: Caller, userId: string): Promise<string | undefined> {
    const isOwn = caller.userId === userId;
    if (isOwn || (seesWholeAccount(caller) && (await isMember(caller.accountId, userId)))) {
      return caller.accountId;
    }
    return isStaff(caller) ? accountOf(userId) : undefined;
  }

  serveOperation(app, getUsage, async (request) => {
    const { accountId, userId, keyId, workspaceId } = callerOf(request);
    return succeed(await report({ accountId, userId, keyId, workspaceId }, null, request.id));
  });

  serveOperation(app, getUserUsage, async (request) => {
    const { user_id: userId } = request.params;
    const accountId = await accountToShow(callerOf(request), userId);
    if (accountId === undefined) throw problem('not_found');
    return succeed(await report({ accountId, userId, keyId: null, workspaceId: null }, userId, request.id));
  });
}
