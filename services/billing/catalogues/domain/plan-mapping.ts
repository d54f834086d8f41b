/** Maps the plans of one catalogue to those of another. */
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { defaultPlanOf } from '../../plans/domain/offer.ts';

export type PlanMapping = { plan: Plan; by: 'key' | 'alias' | 'rank' | 'default' };

/**
 * The plan of another catalogue that replaces a plan: the one with the same key, else one with a common alias, else the
 * highest plan on offer whose rank is not higher, else the default plan.
 */
export function mapPlan(planKey: string, from: Catalogue, to: Catalogue): PlanMapping {
  const same = to.plans.find(({ key }) => key === planKey);
  if (same !== undefined) return { plan: same, by: 'key' };
  const old = findPlan(from, planKey);
  for (const name of [planKey, ...(old?.aliases ?? [])]) {
    const named = findPlan(to, name);
    if (named !== undefined) return { plan: named, by: 'alias' };
  }
  const below = old && plansByRank(to).findLast(({ rank, listed }) => listed && rank <= old.rank);
  if (below !== undefined) return { plan: below, by: 'rank' };
  return { plan: defaultPlanOf(to), by: 'default' };
}
