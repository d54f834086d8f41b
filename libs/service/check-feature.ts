import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * Refuses what the plan does not include. A feature that the catalogue does not sell requires no plan.
 * @throws ProblemError `feature_not_in_plan`
 */
export function checkFeature(entitlements: Entitlements, feature: string): void {
  const { granted, source } = featureGrant(entitlements, feature);
  if (granted) return;
  throw problem('feature_not_in_plan', {
    fields: { feature, plan: entitlements.plan.key, reason: source },
  });
}
