import { type LimitReading, percentageOf } from '#libs/contracts/limits.ts';
import type { CostProjection } from '#libs/contracts/usage.ts';
import { divide, formatUsd } from '#libs/money/money.ts';

const MS_PER_DAY = 86_400_000;

/**
 * Projects the cost of the period: the cost so far, divided by the days begun, times the days of the period. Days count
 * from the start of the subscription's period, so the length of the month does not matter.
 */
export function projectCost(
  period: { start: Date; end: Date },
  now: Date,
  costNanoUsd: bigint,
  limits: readonly LimitReading[],
): CostProjection {
  const daysBegun = Math.max(1, Math.ceil((now.getTime() - period.start.getTime()) / MS_PER_DAY));
  const daysInPeriod = Math.max(1, Math.round((period.end.getTime() - period.start.getTime()) / MS_PER_DAY));
  const projected = divide(costNanoUsd * BigInt(daysInPeriod), BigInt(daysBegun), 'half_up');
  const cap = limits.find(
    ({ meter, window, scope, kind }) =>
      meter === 'cost' && window === 'period' && scope === 'account' && kind === 'n',
  );
  return {
    cost_usd: formatUsd(projected),
    cost_nano_usd: projected.toString(),
    percentage: percentageOf(projected, cap?.amount ?? null),
    days_begun: daysBegun,
    days_in_period: daysInPeriod,
  };
}
