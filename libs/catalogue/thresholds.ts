import type { Thresholds } from './limit.ts';
import type { Catalogue, GuardRail, Plan, PlanLimit } from './schema.ts';

/** The lines of one limit: what it states itself, else its plan, else the catalogue. */
export function thresholdsOf(catalogue: Catalogue, plan: Plan, limit: PlanLimit): Thresholds {
  return { ...catalogue.thresholds, ...plan.thresholds, ...limit.thresholds };
}

export function guardRailThresholds(catalogue: Catalogue, guardRail: GuardRail): Thresholds {
  return { ...catalogue.thresholds, ...guardRail.thresholds };
}

/** Whether the lines come in their order: warning, notice, block, hard. */
export function areRising({ warnBps, noticeBps, blockBps, hardBps }: Thresholds): boolean {
  return warnBps < noticeBps && noticeBps < blockBps && blockBps < hardBps;
}
