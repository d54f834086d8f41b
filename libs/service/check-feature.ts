import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { plansWithFeature } from '#libs/catalogue/suggest.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

/**
 * Refuses what the plan does not include. A feature that the catalogue does not sell requires no plan.
 * @param catalogue of the account. With it, the refusal names the plans that include the feature.
 * @throws ProblemError `feature_not_in_plan`
 */
export function checkFeature(entitlements: Entitlements, feature: string, catalogue?: Catalogue): void {
  const { granted, source } = featureGrant(entitlements, feature);
  if (granted) return;
  const { key } = entitlements.plan;
  throw featureRefusal(
    { plan: key, feature, source },
    { plans: catalogue && plansWithFeature(catalogue, key, feature) },
  );
}

/** @param advice.plans with which the request would be served, if they are known. */
export function featureRefusal(
  missing: { plan: string; feature: string; source: string },
  { detail, plans }: { detail?: string; plans?: readonly Plan[] | undefined },
): ProblemError {
  return problem('feature_not_in_plan', {
    ...(detail !== undefined && { detail }),
    fields: {
      ...missing,
      reason: 'feature_restricted',
      ...(plans && { suggested_plans: plans.map((plan) => ({ ...refOf(plan), price: priceOf(plan) })) }),
    },
  });
}
