/** Which plans there are to choose from, and what they cost. */
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Cycle } from '../subscriptions/period.ts';

/** The price of one cycle in minor units; null: not sold by this cycle, or only by negotiation. */
export function priceMinorOf({ price }: Plan, cycle: Cycle): number | null {
  return cycle === 'month' ? price.monthlyMinor : price.yearlyMinor;
}

/** A plan that costs nothing is the same by the month and by the year. */
export function isFree(plan: Plan): boolean {
  return plan.price.monthlyMinor === 0;
}

/** The plans customers may choose: those on the list, and the one everybody starts on. From the lowest rank. */
export function choosablePlans(catalogue: Catalogue): Plan[] {
  return plansByRank(catalogue).filter(({ key, listed }) => listed || key === catalogue.defaultPlan);
}

/** @throws ProblemError `unknown_plan` */
export function choosePlan(catalogue: Catalogue, name: string): Plan {
  const plan = findPlan(catalogue, name);
  const choosable = choosablePlans(catalogue);
  if (plan === undefined || !choosable.includes(plan)) throw unknownPlan(name, choosable);
  return plan;
}

/** Any plan of the catalogue, for staff. @throws ProblemError `unknown_plan` */
export function anyPlan(catalogue: Catalogue, name: string): Plan {
  const plan = findPlan(catalogue, name);
  if (plan === undefined) throw unknownPlan(name, plansByRank(catalogue));
  return plan;
}

function unknownPlan(name: string, known: readonly Plan[]) {
  return problem('unknown_plan', {
    fields: { plan: name, available_plans: known.map(({ key }) => key) },
  });
}

/** @throws RangeError for a catalogue without its default plan, which is never imported. */
export function defaultPlanOf(catalogue: Catalogue): Plan {
  const plan = findPlan(catalogue, catalogue.defaultPlan);
  if (plan === undefined) throw new RangeError(`the catalogue ${catalogue.id} has no default plan`);
  return plan;
}
