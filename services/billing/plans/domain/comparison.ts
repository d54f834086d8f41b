import { comparePlans } from '#libs/catalogue/compare.ts';
import type { PlanDifference } from '#libs/catalogue/plan-difference.ts';
import { meterLabel } from '#libs/contracts/labels.ts';
import { amountToWire, meterUnit } from '#libs/contracts/limits.ts';
import type { PlanChangesWire, PlanComparisonWire } from '#libs/contracts/plans.ts';
import type { CatalogueVersion } from '../../subscriptions/domain/subscription.ts';
import { choosePlan } from './offer.ts';
import { presentPlan } from './view.ts';

/** Compares two offered plans. @throws ProblemError `unknown_plan` */
export function comparisonOf({ catalogue }: CatalogueVersion, a: string, b: string): PlanComparisonWire {
  const [from, to] = [choosePlan(catalogue, a), choosePlan(catalogue, b)];
  const compared = comparePlans(catalogue, from.key, to.key);
  if (compared === undefined) throw new RangeError('A chosen plan belongs to its catalogue.');
  return {
    a: presentPlan(catalogue, from),
    b: presentPlan(catalogue, to),
    direction: compared.direction,
    changes: presentChanges(compared),
  };
}

export function presentChanges({ featuresGained, featuresLost, limits }: PlanDifference): PlanChangesWire {
  return {
    features_gained: [...featuresGained],
    features_lost: [...featuresLost],
    limits: limits.map(({ meter, window, scope, before, after, change }) => ({
      meter,
      label: meterLabel(meter),
      unit: meterUnit(meter),
      window,
      scope,
      before: before && amountToWire(meter, before),
      after: after && amountToWire(meter, after),
      change,
    })),
  };
}
