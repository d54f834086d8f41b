/** The usage report: current limits, and the calls of the period by provider and model. */
import { isGauge, LIMIT_STATES, type LimitState } from '#libs/catalogue/limit.ts';
import { type LimitReading, limitToWire, percentageOf } from '#libs/contracts/limits.ts';
import type { UsageFigures, UsageReport } from '#libs/contracts/usage.ts';
import { divide, formatUsd } from '#libs/money/money.ts';
import { projectCost } from './projection.ts';

/** The usage of one model over some days. */
export type ModelUsage = {
  provider: string;
  model: string;
  calls: bigint;
  errors: bigint;
  inputTokens: bigint;
  cacheReadTokens: bigint;
  cacheWriteTokens: bigint;
  outputTokens: bigint;
  reasoningTokens: bigint;
  costNanoUsd: bigint;
  latencyMs: bigint;
};

/** From the day of `from` to the day of `to`, both included, in UTC. */
export type ModelUsageQuery = { accountId: string; userId: string | null; from: Date; to: Date };

export type UsageReportInput = {
  accountId: string;
  /** Counts the calls of this user; null for the whole account. */
  userId: string | null;
  now: Date;
  period: { start: Date; end: Date };
  limits: readonly LimitReading[];
  models: readonly ModelUsage[];
};

export type Sums = Omit<ModelUsage, 'provider' | 'model'>;

export const NOTHING: Sums = {
  calls: 0n,
  errors: 0n,
  inputTokens: 0n,
  cacheReadTokens: 0n,
  cacheWriteTokens: 0n,
  outputTokens: 0n,
  reasoningTokens: 0n,
  costNanoUsd: 0n,
  latencyMs: 0n,
};

export function usageReportOf(input: UsageReportInput): UsageReport {
  const total = sumOf(input.models);
  const providers = [...Map.groupBy(input.models, ({ provider }) => provider)];
  return {
    account_id: input.accountId,
    user_id: input.userId,
    as_of: input.now.toISOString(),
    period: { start: input.period.start.toISOString(), end: input.period.end.toISOString() },
    // A full team does not mean that something runs out.
    status: worstState(input.limits.filter(({ meter }) => !isGauge(meter))),
    limits: input.limits.map(limitToWire),
    projection: projectCost(input.period, input.now, total.costNanoUsd, input.limits),
    breakdown: {
      first_day: dayOf(input.period.start),
      last_day: dayOf(input.now),
      total: figuresOf(total),
      providers: providers.map(([provider, models]) => ({
        provider,
        ...figuresOf(sumOf(models)),
        models: models.map((usage) => ({ model: usage.model, ...figuresOf(usage) })),
      })),
    },
  };
}

/** The UTC day of an instant. */
export function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

function worstState(limits: readonly LimitReading[]): LimitState {
  const worst = Math.max(0, ...limits.map(({ state }) => LIMIT_STATES.indexOf(state)));
  return LIMIT_STATES[worst] ?? 'ok';
}

export function sumOf(usages: readonly Sums[]): Sums {
  const sums = { ...NOTHING };
  for (const usage of usages) {
    for (const name of Object.keys(NOTHING) as (keyof Sums)[]) sums[name] += usage[name];
  }
  return sums;
}

export function figuresOf(sums: Sums): UsageFigures {
  const { calls, errors, costNanoUsd } = sums;
  const total =
    sums.inputTokens +
    sums.cacheReadTokens +
    sums.cacheWriteTokens +
    sums.outputTokens +
    sums.reasoningTokens;
  return {
    calls: Number(calls),
    errors: Number(errors),
    error_percentage: calls === 0n ? 0 : (percentageOf(errors, calls) ?? 0),
    tokens: {
      input: Number(sums.inputTokens),
      cache_read: Number(sums.cacheReadTokens),
      cache_write: Number(sums.cacheWriteTokens),
      output: Number(sums.outputTokens),
      reasoning: Number(sums.reasoningTokens),
      total: Number(total),
    },
    cost_usd: formatUsd(costNanoUsd),
    cost_nano_usd: costNanoUsd.toString(),
    average_latency_ms: calls === 0n ? null : Number(divide(sums.latencyMs, calls, 'half_up')),
  };
}
