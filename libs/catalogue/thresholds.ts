import { reaches } from '#libs/money/money.ts';
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

/**
 * The state of a numeric limit. The ledger's `ledger_state` computes the same in SQL.
 * @param thresholds those of the limit; without them, the only states are `ok` and `exhausted`.
 */
export function limitState(used: bigint, amount: bigint, thresholds: Thresholds | undefined): LimitState {
  if (used >= amount || (thresholds && reaches(used, amount, thresholds.hardBps))) return 'exhausted';
  if (thresholds === undefined) return 'ok';
  if (reaches(used, amount, thresholds.blockBps)) return 'blocked';
  if (reaches(used, amount, thresholds.noticeBps)) return 'notice';
  return reaches(used, amount, thresholds.warnBps) ? 'warning' : 'ok';
}
