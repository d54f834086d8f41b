import { shareOf } from '#libs/money/money.ts';
import type { LimitState, Thresholds } from './limit.ts';
import type { Catalogue, GuardRail, Plan, PlanLimit } from './schema.ts';

/** The thresholds of one limit: its own, else its plan's, else the catalogue's. */
export function thresholdsOf(catalogue: Catalogue, plan: Plan, limit: PlanLimit): Thresholds {
  return { ...catalogue.thresholds, ...plan.thresholds, ...limit.thresholds };
}

export function guardRailThresholds(catalogue: Catalogue, guardRail: GuardRail): Thresholds {
  return { ...catalogue.thresholds, ...guardRail.thresholds };
}

/** Whether the thresholds increase from warning to notice, block and hard. */
export function areIncreasing({ warnBps, noticeBps, blockBps, hardBps }: Thresholds): boolean {
  return warnBps < noticeBps && noticeBps < blockBps && blockBps < hardBps;
}

const STATES = ['warning', 'notice', 'blocked', 'exhausted'] as const;

/**
 * The state of a numeric limit. The ledger's `ledger_state` computes the same in SQL.
 * @param thresholds the used amounts from which on it has each state but `ok`; none, or all four in rising order.
 */
export function stateAbove(
  used: bigint,
  amount: bigint,
  thresholds: readonly { readonly at: bigint }[],
): LimitState {
  if (used >= amount) return 'exhausted';
  return STATES[thresholds.findLastIndex(({ at }) => used >= at)] ?? 'ok';
}

/**
 * The state of a numeric limit.
 * @param thresholds those of the limit; without them, the only states are `ok` and `exhausted`.
 */
export function limitState(used: bigint, amount: bigint, thresholds: Thresholds | undefined): LimitState {
  if (thresholds === undefined) return stateAbove(used, amount, []);
  const { warnBps, noticeBps, blockBps, hardBps } = thresholds;
  const reached = [warnBps, noticeBps, blockBps, hardBps].map((bps) => ({ at: shareOf(amount, bps, 'up') }));
  return stateAbove(used, amount, reached);
}
