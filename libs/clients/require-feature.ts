import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { checkFeature } from '#libs/service/check-feature.ts';
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
 * Refuses what the plan of an account does not include, with the plans that do.
 * @returns what the account is entitled to.
 * @throws ProblemError `feature_not_in_plan`, `metering_unavailable`
 */
export async function requireFeature(
  { get, catalogueOf }: FeatureSource,
  accountId: string,
  feature: string,
): Promise<Entitlements> {
  const entitlements = await get(accountId);
  checkFeature(entitlements, feature, await catalogueOf(entitlements));
  return entitlements;
}
