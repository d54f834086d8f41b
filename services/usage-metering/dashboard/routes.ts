import type { FastifyInstance } from 'fastify';
import { type FeatureSource, requireFeature } from '#libs/clients/require-feature.ts';
import { getDashboard, getProjection, getTrends } from '#libs/contracts/dashboard.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { AccountUsage, LimitUsageQuery } from '#libs/ledger/read-limits.ts';
import { describeAlert } from '#libs/outbox/alert-text.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { visibleUserId } from '../usage/domain/visibility.ts';
import type { ReadAccountOptions } from '../usage/plugin.ts';
import {
  limitFigures,
  providerBreakdown,
  sumsOf,
  trendsOf,
  usageStatus,
  usdNumber,
} from './domain/dashboard.ts';
import { dayOf, monthStarts } from './domain/months.ts';
import { dailyCosts, firstDayFor, projectionOf } from './projection.ts';
import { countAlerts, findAnchor, findVisibleUser, listAlerts, listProviderDays } from './store.ts';

export type DashboardRouteOptions = ReadAccountOptions & {
  entitlements: FeatureSource;
  readAccount: (query: LimitUsageQuery, requestId: string) => Promise<AccountUsage & { now: Date }>;
};

const DASHBOARD_MONTHS = 6;
const DASHBOARD_ALERTS = 5;

export function dashboardRoutes(app: FastifyInstance, options: DashboardRouteOptions): void {
  const { database, entitlements, readAccount } = options;

  /** The user, and whose calls are counted for them: null for the whole account. */
  async function visibleUser(caller: Caller, id: string) {
    const user = await findVisibleUser(database, caller, id);
    if (user === undefined) throw problem('not_found');
    return { ...user, callsOf: user.role === 'member' ? user.userId : null };
  }

  const planName = (accountId: string) =>
    entitlements.get(accountId).then(
      ({ plan }) => plan.name,
      () => null,
    );

  serveOperation(app, getDashboard, async (request) => {
    const user = await visibleUser(callerOf(request), request.params.user_id);
    const { accountId, userId, callsOf } = user;
    const query = { accountId, userId, keyId: null, workspaceId: null };
    const { now, period, limits } = await readAccount(query, request.id);
    // One read for all: the projection looks back further than the trends.
    const range = { accountId, userId: callsOf, from: firstDayFor(period), to: dayOf(now) };
    const [anchor, days, plan_name, alerts, counts] = await Promise.all([
      findAnchor(database, accountId),
      listProviderDays(database, range),
      planName(accountId),
      listAlerts(database, { accountId, user, unreadOnly: true, limit: DASHBOARD_ALERTS }),
      countAlerts(database, accountId, user),
    ]);
    const starts = monthStarts(anchor, now, DASHBOARD_MONTHS);
    const current = days.filter(({ day }) => day >= dayOf(period.start));
    const { calls, cost } = sumsOf(current);
    const { limits: amounts, usage_percentages } = limitFigures(limits);
    const usage_status = usageStatus(limits);
    const projection = projectionOf(dailyCosts(days), period, now, limits);
    return succeed({
      current_usage: {
        total_calls: calls,
        total_cost: cost,
        usage_status,
        provider_breakdown: providerBreakdown(current),
      },
      trends: trendsOf(
        days.filter(({ day }) => day >= (starts[0] as string)),
        starts,
      ),
      limits: { plan_name, limits: amounts },
      usage_percentages,
      projections: {
        projected_monthly_cost: usdNumber(projection.costNanoUsd),
        projected_usage_percentage: projection.percentage,
      },
      alerts: alerts.map(({ type, data, severity }) => {
        const { title, message } = describeAlert(type, data);
        return { title, message, severity };
      }),
      summary: {
        total_api_calls_this_month: calls,
        total_cost_this_month: cost,
        usage_status,
        unread_alerts: counts.unread,
      },
    });
  });

  serveOperation(app, getTrends, async (request) => {
    const { accountId, userId, callsOf } = await visibleUser(callerOf(request), request.params.user_id);
    const query = { accountId, userId, keyId: null, workspaceId: null };
    const { now } = await readAccount(query, request.id);
    const starts = monthStarts(await findAnchor(database, accountId), now, request.query.months);
    const range = { accountId, userId: callsOf, from: starts[0] as string, to: dayOf(now) };
    return succeed(trendsOf(await listProviderDays(database, range), starts));
  });

  serveOperation(app, getProjection, async (request) => {
    const caller = callerOf(request);
    const { accountId, userId, keyId, workspaceId } = caller;
    await requireFeature(entitlements, accountId, 'predictive_analytics');
    const { now, period, limits } = await readAccount({ accountId, userId, keyId, workspaceId }, request.id);
    const range = { accountId, userId: visibleUserId(caller), from: firstDayFor(period), to: dayOf(now) };
    const days = await listProviderDays(database, range);
    const { costNanoUsd: _, ...projection } = projectionOf(dailyCosts(days), period, now, limits);
    return projection;
  });
}
