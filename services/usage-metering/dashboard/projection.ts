/** The projection of an account's current period, from its daily costs of the last eight months. */
import type { ProjectionWire } from '#libs/contracts/dashboard.ts';
import { type LimitReading, percentageOf } from '#libs/contracts/limits.ts';
import { divide, formatUsd } from '#libs/money/money.ts';
import type { ProviderDay } from './domain/dashboard.ts';
import { type DailyCosts, forecast, sumOf } from './domain/forecast.ts';
import { addDays, dayOf } from './domain/months.ts';

export type Period = { start: Date; end: Date };

const DAY_MS = 86_400_000;
const MAX_TESTED = 6;
const PPM = 1_000_000;

/** The first day whose costs the projection of a period uses. */
export function firstDayFor(period: Period): string {
  const days = Math.round((period.end.getTime() - period.start.getTime()) / DAY_MS);
  return addDays(dayOf(period.start), -MAX_TESTED * days - 56);
}

export function dailyCosts(rows: readonly ProviderDay[]): DailyCosts {
  const costs = new Map<string, bigint>();
  for (const { day, costNanoUsd } of rows) costs.set(day, (costs.get(day) ?? 0n) + costNanoUsd);
  return costs;
}

export function projectionOf(
  costs: DailyCosts,
  period: Period,
  now: Date,
  limits: readonly LimitReading[],
): ProjectionWire & { costNanoUsd: bigint } {
  const days = Math.max(1, Math.round((period.end.getTime() - period.start.getTime()) / DAY_MS));
  const elapsed = Math.ceil((now.getTime() - period.start.getTime()) / DAY_MS);
  const daysBegun = Math.min(days, Math.max(1, elapsed));
  const firstDay = dayOf(period.start);
  const past = Array.from({ length: MAX_TESTED }, (_, index) => ({
    firstDay: addDays(firstDay, -days * (index + 1)),
    days,
  }));
  const result = forecast(costs, { firstDay, days, daysBegun }, past);
  const { costNanoUsd, error } = result;
  const spent = sumOf(costs, firstDay, daysBegun);
  const margin =
    error === null ? null : divide(costNanoUsd * BigInt(Math.round(error * PPM)), BigInt(PPM), 'half_up');
  const low = margin === null ? null : costNanoUsd - margin;
  const cap = limits.find(
    ({ meter, window, scope, kind }) =>
      meter === 'cost' && window === 'period' && scope === 'account' && kind === 'n',
  );
  return {
    costNanoUsd,
    as_of: now.toISOString(),
    period: { start: period.start.toISOString(), end: period.end.toISOString() },
    spent_usd: formatUsd(spent),
    spent_nano_usd: spent.toString(),
    cost_usd: formatUsd(costNanoUsd),
    cost_nano_usd: costNanoUsd.toString(),
    low_usd: low === null ? null : formatUsd(atLeast(low, spent)),
    high_usd: margin === null ? null : formatUsd(costNanoUsd + margin),
    error_percentage: error === null ? null : Math.round(error * 10_000) / 100,
    error_from: result.errorFrom,
    tested_periods: result.testedPeriods,
    weekday_pattern: result.hasWeekdays,
    percentage: percentageOf(costNanoUsd, cap?.amount ?? null),
    days_begun: daysBegun,
    days_in_period: days,
  };
}

/** `Math.max` has no bigints. */
function atLeast(amount: bigint, minimum: bigint): bigint {
  if (amount < minimum) return minimum;
  return amount;
}
