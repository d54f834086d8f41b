/** How much of a plan is used, as responses show it to a user interface. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { LimitState } from '#libs/catalogue/limit.ts';
import { limitState } from '#libs/catalogue/thresholds.ts';
import { percentageOf } from '#libs/contracts/limits.ts';
import type { PlanInfo, SuggestedPlan, Suggestions } from '#libs/contracts/requirements.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import type { LimitView } from '#libs/ledger/types.ts';
import { reaches } from '#libs/money/money.ts';

/** Share of a limit from which an upgrade is offered. */
const UPGRADE_PROMPT_BPS = 8_000;

/** A numeric limit and its certain usage. */
export type NumericLimitUsage = Omit<LimitView, 'asked' | 'held' | 'kind' | 'amount'> & { amount: bigint };

/**
 * Holds count as used only for counted resources: there a hold is what will be used. For tokens and cost it is the worst
 * case.
 */
function limitUsage(limit: LimitUsage): NumericLimitUsage | undefined {
  if (limit.amount === null) return undefined;
  const isCounted = limit.meter !== 'cost' && !limit.meter.startsWith('tokens.');
  return { ...limit, amount: limit.amount, used: limit.used + (isCounted ? limit.held : 0n) };
}

/** Of the numeric limits on some meters, the one of which the largest share is used. */
export function mostUsedLimit(
  limits: readonly LimitUsage[],
  meters: ReadonlySet<string>,
): NumericLimitUsage | undefined {
  let most: NumericLimitUsage | undefined;
  for (const limit of limits) {
    if (!meters.has(limit.meter)) continue;
    const usage = limitUsage(limit);
    if (usage !== undefined && (most === undefined || usage.used * most.amount > most.used * usage.amount)) {
      most = usage;
    }
  }
  return most;
}

/** Of a meter's numeric limits, the one with the least headroom. */
function tightestLimit(limits: readonly LimitUsage[], meter: string): LimitUsage | undefined {
  const numeric = limits.filter((limit) => limit.meter === meter && limit.amount !== null);
  return numeric.toSorted((one, other) => (headroom(one) < headroom(other) ? -1 : 1))[0];
}

function headroom({ amount, used, held }: LimitUsage): bigint {
  return (amount ?? 0n) - used - held;
}

/** @param limits the account's limits in their current windows, with the request itself held or used. */
export function usageOf(limits: readonly LimitUsage[], meter: string): NonNullable<PlanInfo['usage']> {
  const limit = tightestLimit(limits, meter) ?? limits.find((candidate) => candidate.meter === meter);
  const current = limit === undefined ? 0n : limit.used + limit.held;
  const amount = limit?.amount ?? null;
  const remaining = amount === null ? null : amount > current ? amount - current : 0n;
  return {
    meter,
    window: limit?.window ?? null,
    current: current.toString(),
    limit: amount?.toString() ?? null,
    remaining: remaining?.toString() ?? null,
    resets_at: limit?.resetsAt?.toISOString() ?? null,
  };
}

/** The plan's name, and the state of a limit by the plan's own thresholds. */
export function badgeOf(
  { plan, limits }: Entitlements,
  usage: NumericLimitUsage | undefined,
): PlanInfo['badge'] {
  return { label: plan.name, state: usage === undefined ? 'ok' : stateOf(limits, usage) };
}

function stateOf(limits: Entitlements['limits'], usage: NumericLimitUsage): LimitState {
  const { meter, window, scope, used, amount } = usage;
  const own = limits.find(
    (limit) => limit.meter === meter && limit.window === window && limit.scope === scope,
  );
  return limitState(used, amount, own?.thresholds);
}

/** @param suggest finds the plans that would lift the limit. */
export async function upgradePromptOf(
  usage: NumericLimitUsage | undefined,
  suggest: (limit: LimitView) => Promise<Suggestions | undefined>,
): Promise<PlanInfo['upgrade_prompt']> {
  if (usage === undefined || !reaches(usage.used, usage.amount, UPGRADE_PROMPT_BPS)) return undefined;
  const suggestions = await suggest({ ...usage, kind: 'n', held: 0n, asked: 0n });
  if (suggestions === undefined) return undefined;
  return {
    meter: usage.meter,
    window: usage.window,
    percentage: percentageOf(usage.used, usage.amount) ?? 100,
    urgency: suggestions.urgency,
    suggested_plans: [...suggestions.suggested_plans] satisfies SuggestedPlan[],
  };
}
