/** Which plan of one catalogue takes the place of a plan of another. */
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { defaultPlanOf } from '../plans/domain/offer.ts';

export type PlanMapping = { plan: Plan; by: 'key' | 'alias' | 'rank' | 'default' };

/**
 * The plan of another catalogue that takes a plan's place: the one with its key, else one that shares a name with it,
 * else the highest on offer of no higher rank, so that nobody is given more than they have; else the default plan.
 */
export function mapPlan(planKey: string, from: Catalogue, to: Catalogue): PlanMapping {
  const same = to.plans.find(({ key }) => key === planKey);
  if (same !== undefined) return { plan: same, by: 'key' };
  const old = findPlan(from, planKey);
  for (const name of [planKey, ...(old?.aliases ?? [])]) {
    const alike = findPlan(to, name);
    if (alike !== undefined) return { plan: alike, by: 'alias' };
  }
  const below = old && plansByRank(to).findLast(({ rank, listed }) => listed && rank <= old.rank);
  if (below !== undefined) return { plan: below, by: 'rank' };
  return { plan: defaultPlanOf(to), by: 'default' };
}
