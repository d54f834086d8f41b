import type { FastifyInstance } from 'fastify';
import { type FeatureSource, requireFeature } from '#libs/clients/require-feature.ts';
import { getBreakdown, getInsights, type PerformanceWire } from '#libs/contracts/dashboard.ts';
import { percentageOf } from '#libs/contracts/limits.ts';
import type { Database } from '#libs/db/database.ts';
import { divide, formatUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { visibleUserId } from '../usage/domain/visibility.ts';
import { listGroups } from './breakdown-store.ts';
import { mergeContentTypes, presentRows, totalOf } from './domain/breakdown.ts';
import { isValidRange, maxDays, neededFor } from './domain/breakdown-range.ts';
import { insightsOf } from './domain/insights.ts';
import { requireDepth } from './plan-checks.ts';
import {
  listCurrentPrices,
  listModelUsage,
  listOutputCaps,
  listPerformance,
  type PerformanceRow,
} from './store.ts';

const MAX_ROWS = 5_000;
const PERFORMANCE_CALLS = 5_000;
/** Those whose plans are read. */
const OUTPUT_CAP_CALLS = 1_000;
const PERFORMANCE_MS = 30 * 86_400_000;

export type BreakdownOptions = {
  database: Database;
  clock: Clock;
  entitlements: FeatureSource;
};

export function breakdownRoutes(
  app: FastifyInstance,
  { database, clock, entitlements }: BreakdownOptions,
): void {
  serveOperation(app, getBreakdown, async (request) => {
    const caller = callerOf(request);
    const {
      from,
      to,
      granularity,
      group_by: groupBy,
      user_id,
      end_user: endUser,
      key_id,
      workspace_id,
      ...rest
    } = request.query;
    if (!isValidRange(request.query))
      throw problem('invalid_request', {
        detail: `Choose 1 to ${maxDays(granularity)} days, the first one in \`from\`.`,
      });
    await requireDepth(entitlements, caller.accountId, neededFor(request.query, clock.now()));
    const own = visibleUserId(caller);
    if (own !== null && user_id !== undefined && user_id !== own) throw problem('not_found');
    const filters = { ...rest, endUser, keyId: key_id, workspaceId: workspace_id };
    const range = { accountId: caller.accountId, userId: own ?? user_id ?? null, from, to };
    const found = await listGroups(database, { ...range, granularity, groupBy, filters }, MAX_ROWS + 1);
    if (found.length > MAX_ROWS)
      throw problem('invalid_request', {
        detail: `More than ${MAX_ROWS} rows. Choose fewer days, another granularity or a filter.`,
      });
    const rows = groupBy === 'content_type' ? mergeContentTypes(found) : found;
    return { from, to, total: totalOf(rows), rows: presentRows(rows) };
  });

  serveOperation(app, getInsights, async (request) => {
    const caller = callerOf(request);
    const { accountId } = caller;
    const userId = visibleUserId(caller);
    const now = clock.now();
    const since = new Date(now.getTime() - PERFORMANCE_MS);
    const of = { accountId, userId, since };
    const { modelRoles: roles } = await requireFeature(entitlements, accountId, 'advanced_analytics');
    const [rows, models, outputCaps] = await Promise.all([
      listPerformance(database, { ...of, calls: PERFORMANCE_CALLS }),
      listModelUsage(database, { accountId, userId, from: since, to: now }),
      listOutputCaps(database, { ...of, calls: OUTPUT_CAP_CALLS }),
    ]);
    const names = [...models.map(({ model }) => model), ...Object.values(roles).flat()];
    const prices = await listCurrentPrices(database, names, now);
    const [total, ...providers] = rows.map(presentPerformance);
    if (total === undefined) throw new Error('There is always a total.');
    return { total, providers, insights: insightsOf({ models, roles, prices, outputCaps }) };
  });
}

function presentPerformance(row: PerformanceRow): PerformanceWire {
  const { provider, calls, errors, costNanoUsd, latencyMs, firstByteMs } = row;
  return {
    provider,
    calls,
    errors,
    error_percentage: calls === 0 ? 0 : (percentageOf(BigInt(errors), BigInt(calls)) ?? 0),
    latency_ms: percentilesOf(latencyMs),
    first_byte_ms: percentilesOf(firstByteMs),
    cost_per_call_usd: formatUsd(calls === 0 ? 0n : divide(costNanoUsd, BigInt(calls), 'half_up')),
  };
}

function percentilesOf(values: readonly (number | null)[] | null): PerformanceWire['latency_ms'] {
  const [p50 = null, p95 = null, p99 = null] = values ?? [];
  return p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 };
}
