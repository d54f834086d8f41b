/** The plans that a catalogue offers, and their prices. */
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { Cycle } from '../../subscriptions/domain/period.ts';

/** The price of one cycle in minor units; null where the plan is not sold by this cycle, or its price is negotiated. */
export function priceMinorOf({ price }: Plan, cycle: Cycle): number | null {
  return cycle === 'month' ? price.monthlyMinor : price.yearlyMinor;
}

/** A free plan has no cycles: it is the same by the month and by the year. */
export function isFree(plan: Plan): boolean {
  return plan.price.monthlyMinor === 0;
}

/** The plans that customers may choose: the listed ones and the default one, by rank from the lowest. */
export function choosablePlans(catalogue: Catalogue): Plan[] {
  return plansByRank(catalogue).filter(({ key, listed }) => listed || key === catalogue.defaultPlan);
}

/** A plan that customers may choose, by its key or an alias. */
export function findChoosablePlan(catalogue: Catalogue, name: string): Plan | undefined {
  const plan = findPlan(catalogue, name);
  return plan !== undefined && choosablePlans(catalogue).includes(plan) ? plan : undefined;
}

/** @throws ProblemError `unknown_plan` */
export function choosePlan(catalogue: Catalogue, name: string): Plan {
  const plan = findChoosablePlan(catalogue, name);
  if (plan === undefined) throw unknownPlanProblem(name, choosablePlans(catalogue));
  return plan;
}

export function unknownPlanProblem(name: string, availablePlans: readonly Plan[]): ProblemError {
  return problem('unknown_plan', {
    fields: { plan: name, available_plans: availablePlans.map(({ key }) => key) },
  });
}

/** @throws RangeError for a catalogue without its default plan, which the import refuses. */
export function defaultPlanOf(catalogue: Catalogue): Plan {
  const plan = findPlan(catalogue, catalogue.defaultPlan);
  if (plan === undefined) throw new RangeError(`the catalogue ${catalogue.id} has no default plan`);
  return plan;
}
