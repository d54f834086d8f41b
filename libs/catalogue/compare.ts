import { type PlanDifference, planDifference } from './plan-difference.ts';
import { findPlan } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

export interface PlanComparison extends PlanDifference {
  readonly a: Plan;
  readonly b: Plan;
  readonly direction: 'upgrade' | 'downgrade' | 'same';
}

/** What changes for an account that moves from plan `a` to plan `b`; undefined if the catalogue lacks one of them. */
export function comparePlans(catalogue: Catalogue, a: string, b: string): PlanComparison | undefined {
  const [from, to] = [findPlan(catalogue, a), findPlan(catalogue, b)];
  if (from === undefined || to === undefined) return undefined;
  const direction = to.rank === from.rank ? 'same' : to.rank > from.rank ? 'upgrade' : 'downgrade';
  return {
    a: from,
    b: to,
    direction,
    ...planDifference({ catalogue, plan: from }, { catalogue, plan: to }),
  };
}
