/** Figures of the dashboard. Money is a number here, as the product's first specification has it. */
import { isGauge } from '#libs/catalogue/limit.ts';
import type { DashboardWire, UsageTrendsWire } from '#libs/contracts/dashboard.ts';
import { type LimitReading, percentageOf } from '#libs/contracts/limits.ts';

export type ProviderDay = {
  day: string;
  provider: string;
  calls: bigint;
  tokens: bigint;
  costNanoUsd: bigint;
};

export const usdNumber = (nano: bigint): number => Number(nano) / 1e9;

const WINDOW_PREFIX: Readonly<Record<string, string>> = { day: 'daily_', week: 'weekly_', total: 'total_' };

/** `gemini_calls`, `total_tokens`, `blog_generations`, `monthly_cost`; with a prefix for shorter windows. */
export function limitName({ meter, window }: Pick<LimitReading, 'meter' | 'window'>): string {
  const prefix = WINDOW_PREFIX[window] ?? '';
  if (meter === 'cost') return prefix === '' ? 'monthly_cost' : `${prefix}cost`;
  const [family = '', key = ''] = meter.split('.');
  const unit = { calls: 'calls', tokens: 'tokens', gen: 'generations' }[family];
  return `${prefix}${unit === undefined ? meter.replace('.', '_') : `${key}_${unit}`}`;
}

const isNumeric = ({ kind, amount, scope }: LimitReading) =>
  kind === 'n' && amount !== null && (scope === 'account' || scope === 'user');

export function limitFigures(
  limits: readonly LimitReading[],
): Pick<DashboardWire, 'usage_percentages'> & { limits: Record<string, number> } {
  const amounts: Record<string, number> = {};
  const percentages: Record<string, number> = {};
  for (const limit of limits.filter(isNumeric)) {
    const { meter, amount, used } = limit;
    const name = limitName(limit);
    // The limit of the period comes first where a meter has several of one name.
    if (name in amounts || amount === null) continue;
    amounts[name] = meter === 'cost' ? usdNumber(amount) : Number(amount);
    percentages[name === 'monthly_cost' ? 'cost' : name] = percentageOf(used, amount) ?? 0;
  }
  return { limits: amounts, usage_percentages: percentages };
}

/** By the most used limit. A full team does not mean that something runs out. */
export function usageStatus(limits: readonly LimitReading[]): 'active' | 'warning' | 'limit_reached' {
  const consumed = limits.filter((limit) => isNumeric(limit) && !isGauge(limit.meter));
  const most = Math.max(0, ...consumed.map(({ used, amount }) => percentageOf(used, amount) ?? 0));
  if (most >= 100) return 'limit_reached';
  return most >= 80 ? 'warning' : 'active';
}

export function providerBreakdown(
  rows: readonly ProviderDay[],
): DashboardWire['current_usage']['provider_breakdown'] {
  const providers = [...Map.groupBy(rows, ({ provider }) => provider)].sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(providers.map(([provider, days]) => [provider, sumsOf(days)]));
}

/** @param starts the first days of the months, and of the one after. */
export function trendsOf(rows: readonly ProviderDay[], starts: readonly string[]): UsageTrendsWire {
  const periods = starts.slice(0, -1);
  const within = (days: readonly ProviderDay[]) =>
    periods.map((start, index) =>
      sumsOf(days.filter(({ day }) => day >= start && day < (starts[index + 1] as string))),
    );
  const total = within(rows);
  const providers = [...Map.groupBy(rows, ({ provider }) => provider)].sort(([a], [b]) => a.localeCompare(b));
  return {
    periods,
    total_calls: total.map(({ calls }) => calls),
    total_cost: total.map(({ cost }) => cost),
    total_tokens: total.map(({ tokens }) => tokens),
    provider_trends: Object.fromEntries(
      providers.map(([provider, days]) => {
        const sums = within(days);
        return [
          provider,
          {
            calls: sums.map(({ calls }) => calls),
            cost: sums.map(({ cost }) => cost),
            tokens: sums.map(({ tokens }) => tokens),
          },
        ];
      }),
    ),
  };
}

export function sumsOf(rows: readonly ProviderDay[]): { calls: number; cost: number; tokens: number } {
  let [calls, tokens, cost] = [0n, 0n, 0n];
  for (const row of rows) {
    calls += row.calls;
    tokens += row.tokens;
    cost += row.costNanoUsd;
  }
  return { calls: Number(calls), cost: usdNumber(cost), tokens: Number(tokens) };
}
