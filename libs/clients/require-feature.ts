import { featureGrant } from '#libs/catalogue/access.ts';
import { plansWithFeature } from '#libs/catalogue/suggest.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import { problem } from '#libs/problems/problems.ts';
import type { AccountEntitlements } from './account-entitlements.ts';

export type FeatureSource = Pick<AccountEntitlements, 'get' | 'catalogueOf'>;

/** Whether an account's plan includes a feature. A feature that the catalogue does not sell requires no plan. */
export async function hasFeature(
  { get }: Pick<FeatureSource, 'get'>,
  accountId: string,
  feature: string,
): Promise<boolean> {
  return featureGrant(await get(accountId), feature).granted;
}

/**
 * Refuses what the plan does not include, with the plans that do.
 * @throws ProblemError `feature_not_in_plan`
 */
export async function requireFeature(
  { get, catalogueOf }: FeatureSource,
  accountId: string,
  feature: string,
): Promise<void> {
  const entitlements = await get(accountId);
  const { granted, source } = featureGrant(entitlements, feature);
  if (granted) return;
  const { key: plan } = entitlements.plan;
  const catalogue = await catalogueOf(entitlements);
  const plans = catalogue === undefined ? [] : plansWithFeature(catalogue, plan, feature);
  throw problem('feature_not_in_plan', {
    fields: {
      ...{ feature, plan, reason: source },
      suggested_plans: plans.map((suggested) => ({ ...refOf(suggested), price: priceOf(suggested) })),
      fallback_options: [],
    },
  });
}
