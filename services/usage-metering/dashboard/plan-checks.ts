/** What the plan of an account includes of the views of its usage. */
import { type AnalyticsNeed, analyticsBounds, isWithin } from '#libs/catalogue/analytics.ts';
import { plansWithAnalytics } from '#libs/catalogue/suggest.ts';
import type { FeatureSource } from '#libs/clients/require-feature.ts';
import { featureRefusal } from '#libs/service/check-feature.ts';

/** Every plan shows this much, so it is not read for it. */
const LEAST = analyticsBounds('basic');

/** @throws ProblemError `feature_not_in_plan`, `metering_unavailable` */
export async function requireDepth(
  plans: FeatureSource,
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
