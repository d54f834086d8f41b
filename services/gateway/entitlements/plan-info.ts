/** Where an account stands, as answers tell it to a user interface. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { LimitState } from '#libs/catalogue/limit.ts';
import type { SuggestedPlan, Suggestions } from '#libs/clients/plan-suggestions.ts';
import { percentageOf } from '#libs/contracts/limits.ts';
import type { PlanInfo } from '#libs/contracts/requirements.ts';
import type { LimitStanding } from '#libs/ledger/read-limits.ts';
import type { LimitView } from '#libs/ledger/types.ts';
import { reaches } from '#libs/money/money.ts';

/** From here on an upgrade is offered before anything is refused. */
const PROMPT_BPS = 8_000;

/** A limit in numbers, and what is used of it for sure. */
export type LimitUse = Omit<LimitView, 'asked' | 'held' | 'kind' | 'amount'> & { amount: bigint };

/**
 * What is used of a limit once the requests that run have ended. They hold their worst case, which is only what will be
 * used where pieces are counted.
 */
function useOf(limit: LimitStanding): LimitUse | undefined {
  if (limit.amount === null) return undefined;
  const isCounted = limit.meter !== 'cost' && !limit.meter.startsWith('tokens.');
  return { ...limit, amount: limit.amount, used: limit.used + (isCounted ? limit.held : 0n) };
}

/** Of the limits in numbers on some meters, the one nearest to its end. */
export function nearestToItsEnd(
  limits: readonly LimitStanding[],
  meters: ReadonlySet<string>,
): LimitUse | undefined {
  const uses = limits
    .filter(({ meter }) => meters.has(meter))
    .map(useOf)
    .filter((use) => use !== undefined);
  return uses.toSorted((one, other) => (isNearer(one, other) ? -1 : 1))[0];
}

/** Whether a larger share of one limit is used than of the other. */
function isNearer(one: LimitUse, other: LimitUse): boolean {
  return one.used * other.amount > other.used * one.amount;
}

/** Of a meter's limits in numbers, the one with the least room. */
function tightestOf(limits: readonly LimitStanding[], meter: string): LimitStanding | undefined {
  const numbered = limits.filter((limit) => limit.meter === meter && limit.amount !== null);
  return numbered.toSorted((one, other) => (roomIn(one) < roomIn(other) ? -1 : 1))[0];
}

function roomIn({ amount, used, held }: LimitStanding): bigint {
  return (amount ?? 0n) - used - held;
}

/** @param limits those of the account in their current windows, with the request itself held or used. */
export function usageOf(limits: readonly LimitStanding[], meter: string): NonNullable<PlanInfo['usage']> {
  const limit = tightestOf(limits, meter) ?? limits.find((candidate) => candidate.meter === meter);
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

/** The plan's name and the state of a limit, by the thresholds that are the plan's own. */
export function badgeOf({ plan, limits }: Entitlements, use: LimitUse | undefined): PlanInfo['badge'] {
  return { label: plan.name, state: use === undefined ? 'ok' : stateOf(limits, use) };
}

function stateOf(
  limits: Entitlements['limits'],
  { meter, window, scope, used, amount }: LimitUse,
): LimitState {
  const own = limits.find(
    (limit) => limit.meter === meter && limit.window === window && limit.scope === scope,
  );
  if (own === undefined) return used >= amount ? 'exhausted' : 'ok';
  const { warnBps, noticeBps, blockBps, hardBps } = own.thresholds;
  const lines = [
    ['exhausted', hardBps],
    ['blocked', blockBps],
    ['notice', noticeBps],
    ['warning', warnBps],
  ] as const;
  return lines.find(([, bps]) => reaches(used, amount, bps))?.[0] ?? 'ok';
}

/** @param suggest the plans that would lift the limit. */
export async function upgradePromptOf(
  use: LimitUse | undefined,
  suggest: (limit: LimitView) => Promise<Suggestions | undefined>,
): Promise<PlanInfo['upgrade_prompt']> {
  if (use === undefined || !reaches(use.used, use.amount, PROMPT_BPS)) return undefined;
  const suggestions = await suggest({ ...use, kind: 'n', held: 0n, asked: 0n });
  if (suggestions === undefined) return undefined;
  return {
    meter: use.meter,
    window: use.window,
    percentage: percentageOf(use.used, use.amount) ?? 100,
    urgency: suggestions.urgency,
    suggested_plans: [...suggestions.suggested_plans] satisfies SuggestedPlan[],
  };
}
