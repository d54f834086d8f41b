/** What the plan of an account includes of the views of its usage. */
import { type AnalyticsNeed, analyticsBounds, isWithin } from '#libs/catalogue/analytics.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { plansWithAnalytics } from '#libs/catalogue/suggest.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { checkFeature, featureRefusal } from '#libs/service/check-feature.ts';

export type PlanReader = Pick<AccountEntitlements, 'get' | 'catalogueOf'>;

/** @throws ProblemError `feature_not_in_plan`, `metering_unavailable` */
export async function requireFeature(
  plans: PlanReader,
  accountId: string,
  feature: string,
): Promise<Entitlements> {
  const entitlements = await plans.get(accountId);
  checkFeature(entitlements, feature, await plans.catalogueOf(entitlements));
  return entitlements;
}

/** Every plan shows this much, so it is not read for it. */
const LEAST = analyticsBounds('basic');

/** @throws ProblemError `feature_not_in_plan`, `metering_unavailable` */
export async function requireDepth(
  plans: PlanReader,
  accountId: string,
  needed: AnalyticsNeed,
): Promise<void> {
  if (isWithin(LEAST, needed)) return;
  const entitlements = await plans.get(accountId);
  const { value: depth, source } = entitlements.analyticsDepth;
  const bounds = analyticsBounds(depth);
  if (isWithin(bounds, needed)) return;
  const { key: plan } = entitlements.plan;
  const catalogue = await plans.catalogueOf(entitlements);
  throw featureRefusal(
    { plan, feature: 'analytics_depth', source },
    {
      detail:
        needed.hours && !bounds.hours
          ? 'The plan shows usage by day, not by hour.'
          : `The plan shows the usage of the last ${bounds.historyDays} days. Choose a later \`from\`.`,
      plans: catalogue && plansWithAnalytics(catalogue, plan, needed),
    },
  );
}
